import { ImapFlow } from 'imapflow';
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { describeEachMailServer, type MailServerKind, type TestMailServer } from '../mail-servers/index.js';
import { createManualTime, type ManualTime } from '../tools/manual-time.js';
import { type RecordingRelay, startRecordingRelay } from '../tools/recording-relay.js';
import { letter, pushMail } from './mails.js';
import { type Watch, type WatchOptions, watch } from './watch.js';

/** The commands since then without their tags, apart from what belongs to idling, and the question for room. */
function commands(relay: RecordingRelay, since: number): string[] {
  return relay
    .sent()
    .slice(since)
    .map((line) => line.slice(line.indexOf(' ') + 1))
    .filter((line) => !/^(IDLE|DONE|GETQUOTAROOT INBOX)$/.test(line));
}

async function isIdling(relay: RecordingRelay): Promise<void> {
  await vi.waitFor(
    () => {
      expect(relay.sent().at(-1)).toMatch(/ IDLE$/);
      expect(relay.received()).toMatch(/\+ [^\r\n]*\r\n$/);
    },
    { timeout: 10_000 },
  );
}

/** Time goes on, half a minute after the other, as the client sleeps. */
async function passMinutes(time: ManualTime, minutes: number, isOver = () => false): Promise<void> {
  for (let half = 0; half < 2 * minutes && !isOver(); half += 1) {
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
    time.pass(30_000);
  }
  await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
}

/** The same mailbox needs a server each, because there is one Junk. */
const on = ({ name }: MailServerKind): boolean => ['hoodiecrow', 'Dovecot', 'GreenMail'].includes(name);
const junkLookMs = 15 * 60_000;
const never: { readonly uidValidity: string; readonly lastUid: number } = { uidValidity: '0', lastUid: 0 };

describeEachMailServer('the folder for spam', { on }, ({ start }) => {
  let server: TestMailServer;
  beforeAll(async () => {
    server = await start();
  });

  async function startWatch(
    options: WatchOptions = {},
  ): Promise<{ relay: RecordingRelay; watched: Watch; time: ManualTime }> {
    const relay = await startRecordingRelay(server.imap);
    const time = createManualTime();
    const { times, ...others } = options;
    const watched = watch(
      { ...server.imap, ...relay },
      { time, times: { junkLookMs, checkMs: 120_000, settleMs: Number.POSITIVE_INFINITY, ...times }, ...others },
    );
    await isIdling(relay);
    return { relay, watched, time };
  }

  it('is looked at after a start, and then every quarter of an hour by STATUS alone', async () => {
    const { relay, watched, time } = await startWatch();
    expect(watched.progress('Junk')?.lastUid).toBeGreaterThanOrEqual(0);
    const since = relay.sent().length;
    await passMinutes(time, 33);
    const asked = commands(relay, since).filter((line) => line !== 'SELECT INBOX');
    expect(asked).toEqual(Array(2).fill(expect.stringMatching(/^STATUS "?Junk"? \(UIDNEXT UIDVALIDITY\)$/)));
  });

  it('is opened by EXAMINE when something has come, and given up for the main folder at once', async () => {
    const { relay, watched, time } = await startWatch();
    const letterUid = await server.append('Junk', letter('real spam'), { flags: ['\\Flagged'] });
    const uid = await server.append('Junk', pushMail('taken for spam'));
    const since = relay.sent().length;
    await passMinutes(time, 17);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid }] });
    const asked = commands(relay, since);
    expect(asked.slice(asked.findIndex((line) => line.startsWith('STATUS')))).toEqual([
      expect.stringMatching(/^STATUS /),
      expect.stringMatching(/^EXAMINE "?Junk"?$/),
      expect.stringMatching(
        /^UID FETCH \d+:\* \(UID RFC822.SIZE BODY.PEEK\[HEADER.FIELDS \(Email-Notify\)\]<0.2048>\)$/,
      ),
      'SELECT INBOX',
    ]);

    const looked = relay.sent().length;
    const uidValidity = watched.progress('Junk')?.uidValidity ?? '';
    const message = { folder: 'Junk', uidValidity, uid };
    expect(await watched.mailbox.fetch(message, 10)).toMatchObject({ kind: 'mail' });
    expect(await watched.mailbox.fetch({ ...message, uidValidity: '4711' }, 10)).toEqual({ kind: 'gone' });
    await isIdling(relay);
    expect(await watched.mailbox.remove([message])).toBe('removed');
    await isIdling(relay);
    expect(commands(relay, looked)).toEqual([
      expect.stringMatching(/^EXAMINE /),
      expect.stringMatching(/^UID FETCH /),
      'SELECT INBOX',
      expect.stringMatching(/^SELECT "?Junk"?$/),
      expect.stringMatching(/^UID STORE \d+ \+FLAGS.SILENT \(\\Deleted\)$/),
      expect.stringMatching(/^UID EXPUNGE \d+$/),
      'SELECT INBOX',
    ]);
    const kept = (await server.snapshot()).Junk ?? [];
    expect(kept.map((each) => each.uid)).not.toContain(uid);
    expect(kept.find((each) => each.uid === letterUid)?.flags).toEqual(['\\Flagged']);
  });

  it('hides nothing that comes into the main folder while it is open', async () => {
    const { watched, time } = await startWatch();
    const inJunk = await server.append('Junk', pushMail('in Junk'));
    await passMinutes(time, 17);
    await watched.found();
    const uidValidity = watched.progress('Junk')?.uidValidity ?? '';
    for (let round = 0; round < 5; round += 1) {
      const fetched = watched.mailbox.fetch({ folder: 'Junk', uidValidity, uid: inJunk }, 10);
      const uid = await server.append('INBOX', pushMail('meanwhile'));
      await fetched;
      expect(await watched.found()).toMatchObject({ folder: 'INBOX', found: [{ uid }] });
    }
  });

  it('is searched back for 29 days when there are registrations and it was never looked at', async () => {
    const daysAgo = (days: number): Date => new Date(createManualTime().runtime.now() - days * 86_400_000);
    await server.append('Junk', pushMail('outdated'), { date: daysAgo(40) });
    const uid = await server.append('Junk', pushMail('recent'), { date: daysAgo(20) });
    const { watched } = await startWatch({ others: { Junk: never } });
    const { found } = await watched.found();
    expect(found.map((each) => each.uid)).toContain(uid);
    expect(found.map((each) => each.uid)).not.toContain(uid - 1);
  });

  it('is looked at again after every new connection while something in it is open', async () => {
    const { relay, watched, time } = await startWatch();
    const uid = await server.append('Junk', pushMail('open'));
    await passMinutes(time, 17);
    await watched.found();
    const message = { folder: 'Junk', uidValidity: watched.progress('Junk')?.uidValidity ?? '', uid };
    relay.cut();
    await watched.next('disconnected');
    time.pass(30_000);
    expect(await watched.found()).toMatchObject({
      folder: 'Junk',
      found: expect.arrayContaining([expect.objectContaining({ uid })]),
    });
    await isIdling(relay);
    expect(await watched.mailbox.remove([message])).toBe('removed');
  });
});

/** The Dovecot of these tests makes its Junk anew whenever it is missing. */
const withoutOwnJunk = ({ name }: MailServerKind): boolean => ['hoodiecrow', 'GreenMail'].includes(name);

describeEachMailServer('a folder for spam that others change', { on: withoutOwnJunk }, ({ start }) => {
  const times = { junkLookMs, checkMs: 120_000, settleMs: Number.POSITIVE_INFINITY };

  it('is left alone when it is gone, and looked through when it is there again', async () => {
    const { time, relay, watched, server, other } = await begin();
    const before = await server.append('Junk', pushMail('taken for spam'));
    await passMinutes(time, 17);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid: before }] });
    const uidValidity = watched.progress('Junk')?.uidValidity ?? '';
    await other.mailboxDelete('Junk');
    await expect(watched.mailbox.fetch({ folder: 'Junk', uidValidity, uid: before }, 10)).rejects.toMatchObject({
      code: 'ERR_IMAP_REFUSED',
    });
    await passMinutes(time, 5, () => watched.openIn('Junk').size === 0);
    expect(watched.events.at(-1)).toMatchObject({ folder: 'Junk', progress: never });
    const inMain = await server.append('INBOX', pushMail('as ever'));
    expect(await watched.found()).toMatchObject({ folder: 'INBOX', found: [{ uid: inMain }] });

    await other.mailboxCreate('Junk');
    const after = await server.append('Junk', pushMail('taken for spam again'));
    await passMinutes(time, 17);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid: after }] });
    expect(relay.connections().made).toBe(1);
  });

  it('is looked through when it was made anew', async () => {
    const { time, relay, watched, server, other } = await begin();
    const before = await server.append('Junk', pushMail('taken for spam'));
    await passMinutes(time, 17);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid: before }] });
    const uidValidity = watched.progress('Junk')?.uidValidity ?? '';
    await other.mailboxDelete('Junk');
    await other.mailboxCreate('Junk');
    const after = await server.append('Junk', pushMail('taken for spam again'));
    await expect(watched.mailbox.fetch({ folder: 'Junk', uidValidity, uid: before }, 10)).rejects.toMatchObject({
      code: 'ERR_IMAP_LOST',
    });
    const isFound = (): boolean => watched.progress('Junk')?.uidValidity !== uidValidity;
    await passMinutes(time, 5, isFound);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid: after }] });
    expect([...watched.openIn('Junk')]).toEqual([after]);
    expect(relay.connections().made).toBe(1);
  });

  it('is looked through under the name that it is given', async () => {
    const { time, relay, watched, server, other } = await begin();
    await other.mailboxRename('Junk', 'Spam');
    const uid = await server.append('Spam', pushMail('taken for spam'));
    await passMinutes(time, 17);
    expect(await watched.found()).toMatchObject({
      folder: 'Spam',
      found: expect.arrayContaining([expect.objectContaining({ uid })]),
    });
    const message = { folder: 'Spam', uidValidity: watched.progress('Spam')?.uidValidity ?? '', uid };
    expect(await watched.mailbox.remove([message])).toBe('removed');
    expect(relay.connections().made).toBe(1);
  });

  async function begin(): Promise<{
    time: ManualTime;
    relay: RecordingRelay;
    watched: Watch;
    server: TestMailServer;
    other: ImapFlow;
  }> {
    const server = await start();
    const { host, port, user, password: pass } = server.imap;
    const other = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user, pass }, logger: false });
    other.on('error', () => {});
    await other.connect();
    onTestFinished(() => other.close());
    if (!(await other.list()).some(({ path }) => path === 'Junk')) await other.mailboxCreate('Junk');
    const relay = await startRecordingRelay(server.imap);
    const time = createManualTime();
    const watched = watch({ ...server.imap, ...relay }, { time, times, others: { Spam: never } });
    await isIdling(relay);
    return { time, relay, watched, server, other };
  }
});

describeEachMailServer('the INBOX beside a folder of our own', { on }, ({ start }) => {
  it('is looked at after a start and once an hour, and what is found there can be removed', async () => {
    const server = await start();
    await server.createFolder('Push');
    const letterUid = await server.append('INBOX', letter('ordinary'));
    const relay = await startRecordingRelay(server.imap);
    const time = createManualTime();
    const times = { inboxLookMs: 60 * 60_000, checkMs: 30 * 60_000, idleRestartMs: 30 * 60_000 };
    const watched = watch({ ...server.imap, ...relay }, { time, times, account: { folder: 'Push' } });
    await isIdling(relay);
    expect(watched.progress('INBOX')).toMatchObject({ lastUid: letterUid });
    const uid = await server.append('INBOX', pushMail('not filed'));
    await passMinutes(time, 91, () => watched.openIn('INBOX').size > 0);
    expect([...watched.openIn('INBOX')]).toEqual([uid]);
    await isIdling(relay);
    const { uidValidity = '' } = watched.progress('INBOX') ?? {};
    expect(await watched.mailbox.remove([{ folder: 'INBOX', uidValidity, uid }])).toBe('removed');
    expect((await server.snapshot()).INBOX).toMatchObject([{ uid: letterUid, flags: [] }]);
    const filed = await server.append('Push', pushMail('filed'));
    expect(await watched.found()).toMatchObject({ folder: 'INBOX' });
    expect(await watched.found()).toMatchObject({ folder: 'Push', found: [{ uid: filed }] });
  });
});
