import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { OptionalCapability } from '../../src/demo/embedded-imap.js';
import { type MailServer, startMailServer } from '../../src/demo/mail-server.js';
import { createManualTime } from '../tools/manual-time.js';
import { type RecordingRelay, startRecordingRelay } from '../tools/recording-relay.js';
import { startScriptedImap } from '../tools/scripted-imap.js';
import { letter, notify, pushMail } from './mails.js';
import { type Watch, type WatchOptions, watch } from './watch.js';

const alice = { address: 'alice@example.org', password: 'correct horse' };

async function start(
  without: readonly OptionalCapability[],
  options: WatchOptions = {},
): Promise<{ server: MailServer; relay: RecordingRelay; watched: Watch }> {
  const server = await startMailServer({ users: [alice], without });
  onTestFinished(() => server.stop());
  const relay = await startRecordingRelay(server.imap);
  return { server, relay, watched: watch(relay, options) };
}

/** The commands of one kind without their tags. */
function commands(relay: RecordingRelay, kind: RegExp): string[] {
  return relay
    .sent()
    .map((line) => line.slice(line.indexOf(' ') + 1))
    .filter((line) => kind.test(line));
}

const removing = /STORE|EXPUNGE|CLOSE|MOVE|COPY|CREATE|DELETE/;

describe('a server without IDLE', () => {
  it('is asked for news once a minute', async () => {
    const time = createManualTime();
    const { server, relay, watched } = await start(['IDLE'], { time, times: { pollMs: 60_000 } });
    expect(await watched.next('connected')).toEqual({ type: 'connected', canIdle: false });
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
    // Every other time the folder is opened again, because some servers show their clients an old state of it.
    for (const [text, question] of [
      ['first', 'NOOP'],
      ['second', 'SELECT INBOX'],
      ['third', 'NOOP'],
    ] as const) {
      relay.clear();
      const uid = server.append(alice.address, 'INBOX', pushMail(text));
      time.pass(30_000);
      await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
      expect(commands(relay, /./)).toEqual([]);
      time.pass(30_000);
      expect((await watched.found()).found).toMatchObject([{ uid }]);
      await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
      expect(commands(relay, /./)).toEqual([question, expect.stringMatching(/^UID FETCH /)]);
    }
  });

  it('has its folder for spam looked at too, and hides nothing meanwhile', async () => {
    const time = createManualTime();
    const times = { pollMs: 60_000, junkLookMs: 15 * 60_000 };
    const { server, relay, watched } = await start(['IDLE'], { time, times });
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
    const passMinutes = async (minutes: number): Promise<void> => {
      for (let half = 0; half < 2 * minutes; half += 1) {
        time.pass(30_000);
        await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
      }
    };
    const inJunk = server.append(alice.address, 'Junk', pushMail('taken for spam'));
    await passMinutes(16);
    expect(await watched.found()).toMatchObject({ folder: 'Junk', found: [{ uid: inJunk }] });
    const uidValidity = watched.progress('Junk')?.uidValidity ?? '';
    const fetched = watched.mailbox.fetch({ folder: 'Junk', uidValidity, uid: inJunk }, 10);
    const uid = server.append(alice.address, 'INBOX', pushMail('meanwhile'));
    expect(await fetched).toMatchObject({ kind: 'mail' });
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
    await passMinutes(2);
    expect(await watched.found()).toMatchObject({ folder: 'INBOX', found: [{ uid }] });
    expect(await watched.mailbox.remove([{ folder: 'Junk', uidValidity, uid: inJunk }])).toBe('removed');
    expect(server.snapshot(alice.address).Junk).toEqual([]);
    expect(relay.connections().made).toBe(1);
  });

  it('tells news in its answers to other commands too', async () => {
    const time = createManualTime();
    const { server, watched } = await start(['IDLE'], { time });
    const { uidValidity } = (await watched.next('looked')).progress;
    await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]));
    const uid = server.append(alice.address, 'INBOX', pushMail());
    await watched.mailbox.fetch({ folder: 'INBOX', uidValidity, uid: 4711 }, 10);
    expect((await watched.found()).found).toMatchObject([{ uid }]);
  });
});

describe('a server without UIDPLUS', () => {
  it('but with MOVE gets a folder for what is handled, made at the first need', async () => {
    const { server, relay, watched } = await start(['UIDPLUS']);
    await watched.next('looked');
    server.append(alice.address, 'INBOX', letter('to delete later'), { flags: ['\\Deleted'] });
    const uids = ['first', 'second'].map((text) => server.append(alice.address, 'INBOX', pushMail(text)));
    await vi.waitFor(() => expect(watched.open).toEqual(new Set(uids)));
    const uidValidity = watched.progress()?.uidValidity ?? '';
    for (const uid of uids)
      expect(await watched.mailbox.remove([{ folder: 'INBOX', uidValidity, uid }])).toBe('removed');
    const { INBOX, ...others } = server.snapshot(alice.address);
    expect(INBOX).toMatchObject([{ uid: 1, flags: ['\\Deleted'] }]);
    expect(others['mailpush-handled']).toHaveLength(2);
    expect(commands(relay, removing)).toEqual([
      'UID MOVE 2 mailpush-handled',
      'CREATE mailpush-handled',
      'UID MOVE 2 mailpush-handled',
      'UID MOVE 3 mailpush-handled',
    ]);
  });

  it('and without MOVE keeps what is handled, flagged, next to what the user has deleted', async () => {
    const { server, relay, watched } = await start(['UIDPLUS', 'MOVE']);
    await watched.next('looked');
    const letterUid = server.append(alice.address, 'INBOX', letter('to delete later'), { flags: ['\\Deleted'] });
    const uid = server.append(alice.address, 'INBOX', pushMail());
    await watched.found();
    const uidValidity = watched.progress()?.uidValidity ?? '';
    expect(await watched.mailbox.remove([{ folder: 'INBOX', uidValidity, uid }])).toBe('left');
    await watched.stop();
    expect(server.snapshot(alice.address).INBOX).toMatchObject([
      { uid: letterUid, flags: ['\\Deleted'] },
      { uid, flags: ['\\Deleted', '\\Seen'] },
    ]);
    expect(commands(relay, removing)).toEqual([`UID STORE ${uid} +FLAGS.SILENT (\\Seen \\Deleted)`]);
  });
});

describe('a server like Gmail', () => {
  it('gets what is handled moved to its trash, because it archives what is expunged', async () => {
    const server = await startScriptedImap({
      capabilities: 'IMAP4rev1 IDLE UIDPLUS MOVE SPECIAL-USE X-GM-EXT-1',
      messages: [{ uid: 5, header: notify() }],
      on: ({ name, args, tag, line }) => {
        if (name !== 'LIST' || !args.includes('"*"')) return undefined;
        line('* LIST (\\HasNoChildren) "/" INBOX');
        line('* LIST (\\HasNoChildren \\Trash) "/" "[Gmail]/Bin"');
        line(`${tag} OK done`);
        return true;
      },
    });
    const watched = watch(server, { progress: { uidValidity: '1000', lastUid: 4 } });
    await watched.found();
    expect(await watched.mailbox.remove([{ folder: 'INBOX', uidValidity: '1000', uid: 5 }])).toBe('removed');
    expect(server.commands.filter((command) => removing.test(command))).toEqual(['UID MOVE 5 "[Gmail]/Bin"']);
  });
});
