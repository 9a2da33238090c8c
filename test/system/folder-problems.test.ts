import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImapFlow } from 'imapflow';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ImapTimes } from '../../src/imap/index.js';
import { type DovecotServer, dovecot, startDovecot } from '../mail-servers/dovecot.js';
import type { DovecotOptions } from '../mail-servers/dovecot-configuration.js';
import { allServersWanted } from '../tools/all-servers-wanted.js';
import { startToxicProxy } from '../tools/toxic-proxy.js';
import { startFaultStage } from './fault-stage.js';
import { lettersPerFolder } from './ordinary-mail.js';

/** A server that does not tell what happens to a folder is usually asked every two minutes. */
const curious: Partial<ImapTimes> = { checkMs: 500, retryFirstMs: 100, retryMaxMs: 400, loginsPerMinute: 1000 };
const patient = { timeout: 90_000 };

async function start(options: DovecotOptions = {}): Promise<DovecotServer> {
  const server = await startDovecot(dovecot.name, options);
  onTestFinished(() => server.stop());
  return server;
}

/** The user's other mail program. */
async function connectOther({ imap }: DovecotServer): Promise<ImapFlow> {
  const { host, port, user, password: pass } = imap;
  const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.close());
  return client;
}

const suite = 'what is wrong with the mailbox';
const meta = { meta: { mailServer: dovecot.name, mailServerSuite: suite } };

describe.runIf(dovecot.available || allServersWanted())(`${suite} is said while it is`, meta, () => {
  it('when somebody deletes the folder for pushes, until it is there again', patient, async () => {
    const server = await start({ subAddressFolders: true });
    const other = await connectOther(server);
    const { says, recovers } = await startFaultStage(server, { times: curious, folder: 'Push' });
    await other.mailboxDelete('Push');
    await says('line', /^The folder "Push" cannot be opened \(it said: .*\): check "folder" .*, or create it/);
    await other.mailboxCreate('Push');
    await recovers();
  });

  it('not at all when the folder is numbered anew, because that heals by itself', patient, async () => {
    const server = await start({ subAddressFolders: true });
    const other = await connectOther(server);
    const { recovers } = await startFaultStage(server, { times: curious, folder: 'Push' });
    const numbered = () => other.status('Push', { uidValidity: true });
    const before = await numbered();
    await other.mailboxDelete('Push');
    await other.mailboxCreate('Push');
    expect(await numbered()).not.toEqual(before);
    await recovers();
  });

  it('when nothing may be removed from the INBOX, until that is allowed', patient, async () => {
    const server = await start({ acl: true });
    const proxy = await startToxicProxy(server.imap);
    onTestFinished(() => proxy.close());
    const { inbox, send, says, recovers } = await startFaultStage(server, { line: proxy });
    const rights = join(server.home, 'Maildir/dovecot-acl');
    // Mail may come in and be read.
    await writeFile(rights, 'owner lrp\n', { mode: 0o644 });
    // Dovecot knows the rights of a connection from its beginning, and an open push is tried again with a new one.
    proxy.reset();
    await send('read-only');
    await says(
      'removal',
      /^Delivered push mail cannot be removed from the mailbox: The folder "INBOX" is read-only, .*: give the account the right to delete there/,
    );
    expect(inbox).toContain('read-only');
    await rm(rights);
    proxy.reset();
    await recovers('read-only');
  });

  it('and a full mailbox lets pushes out, and those in for which there is room', patient, async () => {
    const ordinary = 3 * lettersPerFolder;
    const server = await start({ maxMessages: ordinary + 1 });
    // Its first push is the one for which there is room.
    const times = { ...curious, roomMs: 500 };
    const { inbox, send, says, recovers } = await startFaultStage(server, { times });
    const count = async (): Promise<number> => Object.values(await server.snapshot()).flat().length;
    await expect.poll(count).toBe(ordinary);
    const uid = await server.append('Work', Buffer.from('Subject: one more\r\n\r\n'));
    await expect(send('refused')).rejects.toMatchObject({ code: 'ERR_SMTP_REFUSED' });
    expect(inbox).toEqual(['before']);
    await says('quota', /^The mailbox is full, .*: delete mail, empty the trash, or get more room\.$/);
    const other = await connectOther(server);
    await other.mailboxOpen('Work');
    await other.messageDelete(`${uid}`, { uid: true });
    await recovers();
  });
});
