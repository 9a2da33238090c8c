import { beforeAll, describe, expect, it, vi } from 'vitest';
import { describeEachMailServer, isPlainAndComplete, type TestMailServer } from '../mail-servers/index.js';
import { type RecordingRelay, startRecordingRelay } from '../tools/recording-relay.js';
import { channel, letter, pushMail } from './mails.js';
import { type Watch, type WatchOptions, watch } from './watch.js';

/** The commands of a client without their tags; `DONE` has none. */
function commands(relay: RecordingRelay): string[] {
  return relay.sent().map((line) => (line === 'DONE' ? line : line.slice(line.indexOf(' ') + 1)));
}

async function isIdling(relay: RecordingRelay): Promise<void> {
  await vi.waitFor(() => {
    expect(commands(relay).at(-1)).toBe('IDLE');
    expect(relay.received()).toMatch(/\+ [^\r\n]*\r\n$/);
  });
}

describeEachMailServer('a watched mailbox', { on: isPlainAndComplete }, ({ start }) => {
  let server: TestMailServer;
  beforeAll(async () => {
    server = await start();
  });

  /** An empty folder of its own for each test, and everything that goes over the wire. */
  async function startWatch(
    options: WatchOptions & { readonly before?: readonly Buffer[] } = {},
  ): Promise<{ relay: RecordingRelay; watched: Watch; folder: string; uids: number[] }> {
    const folder = `Pushes-${folders++}`;
    await server.createFolder(folder);
    const uids: number[] = [];
    for (const raw of options.before ?? []) uids.push(await server.append(folder, raw));
    const relay = await startRecordingRelay(server.imap);
    const watched = watch({ ...server.imap, ...relay }, { ...options, account: { folder, ...options.account } });
    return { relay, watched, folder, uids };
  }
  let folders = 0;

  it('begins behind what is there when it is seen for the first time', async () => {
    const { relay, watched } = await startWatch({ before: [pushMail(), letter('old')] });
    expect(await watched.next('connected')).toEqual({ type: 'connected', canIdle: true });
    const looked = await watched.next('looked');
    expect(looked).toMatchObject({ found: [], gone: [] });
    const uidNext = Number(/UIDNEXT (\d+)/.exec(relay.received())?.[1]);
    expect(looked.progress.lastUid).toBe(uidNext - 1);
    expect(relay.received()).toContain(`UIDVALIDITY ${looked.progress.uidValidity}]`);
    await isIdling(relay);
    expect(commands(relay).join('\n')).not.toMatch(/FETCH|SEARCH/);
  });

  it('announces a new push and looks at nothing but its header, its size and its UID', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    relay.clear();
    const raw = pushMail();
    const uid = await server.append(folder, raw);
    const { found, progress } = await watched.found();
    expect(found).toEqual([{ uid, sizeBytes: raw.length, channel }]);
    expect(progress.lastUid).toBe(uid);
    await isIdling(relay);
    expect(commands(relay)).toEqual([
      'DONE',
      expect.stringMatching(
        /^UID FETCH \d+:\* \(UID RFC822\.SIZE BODY\.PEEK\[HEADER\.FIELDS \(Email-Notify\)\]<0\.2048>\)$/,
      ),
      'IDLE',
    ]);
    expect(relay.received()).not.toMatch(/push body|Subject|bob@/);
  });

  it('passes ordinary mail over without reading it or changing a flag', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    relay.clear();
    const uid = await server.append(folder, letter('private'), { flags: ['\\Flagged'] });
    await watched.next('looked');
    await vi.waitFor(() => expect(watched.progress()?.lastUid).toBe(uid));
    await isIdling(relay);
    expect(relay.received()).not.toMatch(/private|bob@/);
    expect(commands(relay).filter((line) => !/^(DONE|IDLE|UID FETCH \S+ \(UID RFC822)/.test(line))).toEqual([]);
    expect((await server.snapshot())[folder]).toMatchObject([{ uid, flags: ['\\Flagged'] }]);
  });

  it('idles again at once after each of five messages', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    relay.clear();
    for (let count = 0; count < 5; count += 1) {
      const uid = await server.append(folder, pushMail());
      expect((await watched.found()).found).toMatchObject([{ uid }]);
      await isIdling(relay);
    }
    const cycle = ['DONE', expect.stringContaining('UID FETCH'), 'IDLE'];
    expect(commands(relay)).toEqual([...cycle, ...cycle, ...cycle, ...cycle, ...cycle]);
  });

  it('fetches no more of a mail than it is asked for, and leaves it unread', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    const raw = pushMail('x'.repeat(5000));
    const uid = await server.append(folder, raw);
    const { uidValidity } = (await watched.found()).progress;
    await isIdling(relay);
    relay.clear();
    const part = await watched.mailbox.fetch({ folder, uidValidity, uid }, 1000);
    expect(part).toEqual({ kind: 'mail', bytes: raw.subarray(0, 1000) });
    expect(commands(relay).join('\n')).toMatch(/^DONE\nUID FETCH \d+ \(UID BODY\.PEEK\[\]<0\.1000>\)/);
    const whole = await watched.mailbox.fetch({ folder, uidValidity, uid }, raw.length + 1);
    expect(whole).toEqual({ kind: 'mail', bytes: raw });
    await isIdling(relay);
    expect((await server.snapshot())[folder]).toMatchObject([{ uid, flags: [] }]);
  });

  it('says of a message that is not there, or of another UIDVALIDITY, that it is gone', async () => {
    const { watched, folder } = await startWatch();
    const { uidValidity } = (await watched.next('looked')).progress;
    expect(await watched.mailbox.fetch({ folder, uidValidity, uid: 4711 }, 10)).toEqual({ kind: 'gone' });
    expect(await watched.mailbox.fetch({ folder, uidValidity: '4711', uid: 1 }, 10)).toEqual({ kind: 'gone' });
  });

  it('removes exactly its own messages, and none that the user has marked as deleted', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    const letterUid = await server.append(folder, letter('to keep'));
    const deletedUid = await server.append(folder, letter('to delete later'), { flags: ['\\Deleted'] });
    const foreign = await server.append(folder, pushMail('of another device'));
    const first = await server.append(folder, pushMail('first'));
    const second = await server.append(folder, pushMail('second'));
    await vi.waitFor(() => expect(watched.open).toEqual(new Set([foreign, first, second])));
    await isIdling(relay);
    relay.clear();
    const uidValidity = watched.progress()?.uidValidity ?? '';
    const removed = await watched.mailbox.remove([
      { folder, uidValidity, uid: second },
      { folder, uidValidity, uid: first },
      { folder, uidValidity: '4711', uid: letterUid },
    ]);
    expect(removed).toBe('removed');
    await isIdling(relay);
    expect(commands(relay)).toEqual([
      'DONE',
      `UID STORE ${first}:${second} +FLAGS.SILENT (\\Deleted)`,
      `UID EXPUNGE ${first}:${second}`,
      'IDLE',
    ]);
    expect((await server.snapshot())[folder]).toMatchObject([
      { uid: letterUid, flags: [] },
      { uid: deletedUid, flags: ['\\Deleted'] },
      { uid: foreign, flags: [] },
    ]);
    expect(await watched.mailbox.remove([{ folder, uidValidity, uid: first }])).toBe('removed');
    await watched.stop();
    expect(relay.sent().join('\n')).not.toMatch(/^\S+ (EXPUNGE|CLOSE)/m);
    expect((await server.snapshot())[folder]).toHaveLength(3);
  });

  it('catches up with what came while it was away', async () => {
    const { watched, folder } = await startWatch({ before: [pushMail('before the first look')] });
    await watched.next('looked');
    await watched.stop();
    const uid = await server.append(folder, pushMail('while away'));
    await server.append(folder, letter('while away'));
    const relay = await startRecordingRelay(server.imap);
    const again = watch({ ...server.imap, ...relay }, { progress: watched.progress(), account: { folder } });
    expect((await again.found()).found).toMatchObject([{ uid }]);
    await isIdling(relay);
    expect(again.progress()?.lastUid).toBe(uid + 1);
    expect(commands(relay).filter((line) => line.startsWith('UID'))).toEqual([
      expect.stringContaining(`UID FETCH ${uid}:* `),
    ]);
  });

  it('looks at nothing when nothing came while it was away', async () => {
    const { watched, folder } = await startWatch({ before: [pushMail(), letter('old')] });
    await watched.next('looked');
    await watched.stop();
    const relay = await startRecordingRelay(server.imap);
    const again = watch({ ...server.imap, ...relay }, { progress: watched.progress(), account: { folder } });
    await isIdling(relay);
    expect(commands(relay).join('\n')).not.toMatch(/FETCH|SEARCH/);
    expect(again.events).toEqual([{ type: 'connected', canIdle: true }]);
  });

  it('connects again when the line is cut, looks at open messages again and tells which are gone', async () => {
    const { relay, watched, folder } = await startWatch();
    await isIdling(relay);
    const uids: number[] = [];
    for (const text of ['stays', 'is deleted meanwhile', 'stays too']) {
      uids.push(await server.append(folder, pushMail(text)));
      await watched.found();
    }
    const [first = 0, second = 0, third = 0] = uids;
    const uidValidity = watched.progress()?.uidValidity ?? '';
    await watched.mailbox.remove([{ folder, uidValidity, uid: second }]);
    await isIdling(relay);
    relay.clear();
    relay.cut();
    expect(await watched.next('disconnected')).toMatchObject({ error: { code: 'ERR_IMAP_LOST' } });
    const fourth = await server.append(folder, pushMail('while away'));
    await watched.next('connected');
    const looked = await watched.next('looked');
    expect(looked.found.map(({ uid }) => uid)).toEqual([first, third]);
    expect(looked.gone).toEqual([second]);
    expect((await watched.found()).found).toMatchObject([{ uid: fourth }]);
    expect(watched.open).toEqual(new Set([first, third, fourth]));
    expect(relay.connections()).toMatchObject({ open: 1, mostOpen: 1, made: 2 });
    expect(await watched.mailbox.remove([{ folder, uidValidity, uid: first }])).toBe('removed');
    expect((await server.snapshot())[folder]).toMatchObject([{ uid: third }, { uid: fourth }]);
  });

  it('has one connection at any time, through five cuts', async () => {
    const { relay, watched, folder } = await startWatch({ times: { answerMs: 60_000, retryMaxMs: 2 } });
    for (let count = 0; count < 5; count += 1) {
      await isIdling(relay);
      relay.clear();
      relay.cut();
      await watched.next('disconnected');
      await watched.next('connected');
    }
    const uid = await server.append(folder, pushMail('after all'));
    expect((await watched.found()).found).toMatchObject([{ uid }]);
    expect(relay.connections()).toEqual({ open: 1, mostOpen: 1, made: 6 });
  });

  it('refuses to fetch and to remove while there is no connection', async () => {
    const { watched, folder } = await startWatch();
    const lost = { code: 'ERR_IMAP_LOST', disposition: 'transient' };
    await expect(watched.mailbox.fetch({ folder, uidValidity: '1', uid: 1 }, 10)).rejects.toMatchObject(lost);
    await expect(watched.mailbox.remove([{ folder, uidValidity: '1', uid: 1 }])).rejects.toMatchObject(lost);
    await watched.next('looked');
    await watched.stop();
    await expect(watched.mailbox.fetch({ folder, uidValidity: '1', uid: 1 }, 10)).rejects.toMatchObject(lost);
  });

  it('says that the password is wrong, and knocks again only after a long pause', async () => {
    const relay = await startRecordingRelay(server.imap);
    const watched = watch({ ...server.imap, ...relay, password: 'wrong' }, { times: { retryMaxMs: 300_000 } });
    const { error, retryMs } = await watched.next('disconnected');
    expect(error).toMatchObject({ code: 'ERR_IMAP_LOGIN', disposition: 'action-required' });
    expect(String(error)).not.toContain('wrong');
    expect(retryMs).toBeGreaterThanOrEqual(150_000);
    await watched.stop();
    await vi.waitFor(() => expect(relay.connections()).toMatchObject({ open: 0, made: 1 }));
  });

  it('asks for the password at every login', async () => {
    let asked = 0;
    const { watched } = await startWatch({
      account: {
        credentials: async () => {
          asked += 1;
          return { kind: 'password', password: asked === 1 ? 'old one' : server.imap.password };
        },
      },
    });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOGIN' });
    await watched.next('connected');
    expect(asked).toBe(2);
  });

  it('says that a folder is missing', async () => {
    const watched = watch(server.imap, { account: { folder: 'Nowhere' } });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_FOLDER',
      disposition: 'action-required',
      message: expect.stringContaining('"Nowhere"'),
    });
  });

  it('keeps trying while the server is out of reach', async () => {
    server.interrupt();
    try {
      const watched = watch(server.imap);
      for (let count = 0; count < 3; count += 1) {
        expect((await watched.next('disconnected')).error).toMatchObject({
          code: 'ERR_IMAP_UNREACHABLE',
          disposition: 'transient',
        });
      }
      server.resume();
      await watched.next('connected');
    } finally {
      server.resume();
    }
  });

  it('says LOGOUT and ends when it is aborted', async () => {
    const { relay, watched } = await startWatch();
    await isIdling(relay);
    relay.clear();
    await watched.stop();
    expect(commands(relay)).toEqual(['DONE', 'LOGOUT']);
    await vi.waitFor(() => expect(relay.connections().open).toBe(0));
  });

  it('says LOGOUT when whoever listens has heard enough', async () => {
    const { relay, watched, folder } = await startWatch();
    await watched.next('looked');
    await watched.stop();
    relay.clear();
    const other = watch({ ...server.imap, ...relay }, { account: { folder } });
    await other.stop();
    relay.clear();
    for await (const event of other.mailbox.events(new AbortController().signal)) {
      if (event.type === 'connected') break;
    }
    expect(commands(relay).at(-1)).toBe('LOGOUT');
    await vi.waitFor(() => expect(relay.connections().open).toBe(0));
  });

  it('begins anew when the folder has been made anew, with the push mail of the last 28 days', async () => {
    const { relay, watched, folder } = await startWatch({ before: [pushMail('old numbers')] });
    await watched.next('looked');
    const uid = await server.append(folder, pushMail('old numbers'));
    await watched.found();
    await watched.stop();
    const before = watched.progress();
    const another = `${folder}-anew`;
    await server.createFolder(another);
    const day = 86_400_000;
    await server.append(another, pushMail('outdated'), { date: new Date(Date.now() - 40 * day) });
    await server.append(another, letter('ordinary'));
    const recent = await server.append(another, pushMail('recent'), { date: new Date(Date.now() - 20 * day) });
    const fresh = await server.append(another, pushMail('fresh'));
    await server.append(another, letter('ordinary'));
    relay.clear();
    const again = watch(
      { ...server.imap, ...relay },
      {
        progress: { uidValidity: `${Number(before?.uidValidity) + 7}`, lastUid: before?.lastUid ?? 0 },
        open: [uid],
        account: { folder: another },
      },
    );
    await again.next('renumbered');
    expect((await again.found()).found.map((found) => found.uid)).toEqual([recent, fresh]);
    await vi.waitFor(() => expect(again.progress()?.lastUid).toBe(fresh + 1));
    await isIdling(relay);
    expect(commands(relay).filter((line) => line.startsWith('UID'))).toEqual([
      expect.stringMatching(/^UID SEARCH 1:5 (SINCE|YOUNGER) \S+$/),
      expect.stringMatching(new RegExp(`^UID FETCH ${recent - 1}:${fresh + 1} `)),
    ]);
  });
});

describe('a mailbox at a server that is not there', () => {
  it('is tried again and again', async () => {
    const watched = watch({ host: '127.0.0.1', port: 1 });
    for (let count = 0; count < 3; count += 1) {
      expect((await watched.next('disconnected')).error).toMatchObject({
        code: 'ERR_IMAP_UNREACHABLE',
        disposition: 'transient',
        message: '127.0.0.1 cannot be reached (ECONNREFUSED): it is tried again by itself.',
      });
    }
  });
});
