import { ImapFlow } from 'imapflow';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { ImapTimes } from '../../src/imap/index.js';
import { describeEachMailServer, type MailServerKind, type TestMailServer } from '../mail-servers/index.js';
import { startScriptedImap } from '../tools/scripted-imap.js';
import { letter, pushMail } from './mails.js';
import { known, push } from './scripted.js';
import { type Watch, watch } from './watch.js';

const on = ({ name }: MailServerKind): boolean => ['hoodiecrow', 'Dovecot', 'GreenMail'].includes(name);
/** Checks often, as not every server tells what has happened to the folder that is open. */
const times: Partial<ImapTimes> = { checkMs: 100 };

describeEachMailServer('a folder that others change', { on }, ({ start }) => {
  let server: TestMailServer;
  beforeAll(async () => {
    server = await start();
  });
  let folders = 0;

  async function begin(): Promise<{ folder: string; watched: Watch; other: ImapFlow }> {
    const folder = `Pushes${folders++}`;
    await server.createFolder(folder);
    const { host, port, user, password: pass } = server.imap;
    const other = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
    other.on('error', () => {});
    await other.connect();
    onTestFinished(() => other.close());
    const watched = watch(server.imap, { account: { folder }, times });
    await watched.next('looked');
    await server.append(folder, pushMail('before'));
    await watched.found();
    return { folder, watched, other };
  }

  it('by deleting it is missed in a sentence, and used again as soon as it is there', async () => {
    const { folder, watched, other } = await begin();
    await other.mailboxDelete(folder);
    let error: unknown;
    do error = (await watched.next('disconnected')).error;
    while ((error as { readonly code?: string }).code !== 'ERR_IMAP_FOLDER');
    expect(error).toMatchObject({ message: expect.stringContaining(`The folder "${folder}" cannot be opened`) });
    await other.mailboxCreate(folder);
    const uid = await server.append(folder, pushMail('after'));
    expect(await watched.found()).toMatchObject({
      folder,
      found: expect.arrayContaining([expect.objectContaining({ uid })]),
    });
    expect((await server.snapshot())[folder]).toHaveLength(1);
  });

  it('by putting another one in its place is looked through anew', async () => {
    const { folder, watched, other } = await begin();
    await other.mailboxRename(folder, `${folder} of old`);
    await other.mailboxCreate(folder);
    await server.append(folder, letter('ordinary'));
    const uid = await server.append(folder, pushMail('after'));
    expect(await watched.found()).toMatchObject({ folder, found: [{ uid }] });
    expect(await watched.mailbox.remove([{ folder, uidValidity: watched.progress()?.uidValidity ?? '', uid }])).toBe(
      'removed',
    );
    expect((await server.snapshot())[folder]).toMatchObject([{ flags: [] }]);
  });
});

it('a folder that is read-only keeps what is in it, and lets it go when rights are given back', async () => {
  let isReadOnly = true;
  const server = await startScriptedImap({
    messages: [push],
    on: ({ name, tag, line }) => {
      if (name !== 'SELECT') return undefined;
      line('* 1 EXISTS');
      line('* OK [UIDVALIDITY 1000] valid');
      line('* OK [UIDNEXT 6] next');
      line(`${tag} OK [READ-${isReadOnly ? 'ONLY' : 'WRITE'}] done`);
      return true;
    },
  });
  const watched = watch(server, { progress: known });
  await watched.found();
  const message = { folder: 'INBOX', uidValidity: '1000', uid: push.uid };
  await expect(watched.mailbox.remove([message])).rejects.toMatchObject({
    code: 'ERR_IMAP_REFUSED',
    message: expect.stringMatching(/^The folder "INBOX" is read-only, so that delivered push mail stays in it/),
  });
  expect(server.commands.filter((command) => /STORE|EXPUNGE/.test(command))).toEqual([]);
  isReadOnly = false;
  expect(await watched.mailbox.remove([message])).toBe('removed');
  expect(server.connections().made).toBe(1);
});

it('a mailbox that is full leaves what cannot be moved, and says why', async () => {
  const server = await startScriptedImap({
    capabilities: 'IMAP4rev1 IDLE MOVE',
    messages: [push],
    on: ({ name, tag, line }) => {
      if (name !== 'UID MOVE') return undefined;
      line(`${tag} NO [OVERQUOTA] Quota exceeded`);
      return true;
    },
  });
  const watched = watch(server, { progress: known });
  await watched.found();
  await expect(watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: push.uid }])).rejects.toMatchObject(
    { code: 'ERR_IMAP_REFUSED', message: expect.stringContaining('Quota exceeded') },
  );
  expect(server.commands.filter((command) => /STORE|EXPUNGE|CLOSE/.test(command))).toEqual([]);
  expect(server.connections().made).toBe(1);
});
