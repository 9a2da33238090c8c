import { expect, it, vi } from 'vitest';
import { describeEachMailServer, type MailServerKind, type TestMailServer } from '../mail-servers/index.js';
import { startRecordingRelay } from '../tools/recording-relay.js';
import { channel, letter, notify, pushMail } from './mails.js';
import { type Watch, watch } from './watch.js';

const letters = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => letter(`number ${index}`));

/** How the mail gets there makes no difference here. */
const twoKinds = { on: ({ name }: MailServerKind): boolean => name === 'hoodiecrow' || name === 'Dovecot' };

describeEachMailServer('a large mailbox', twoKinds, ({ name, start }) => {
  let made = 0;
  async function makeFolder(server: TestMailServer): Promise<string> {
    made += 1;
    await server.createFolder(`Folder-${made}`);
    return `Folder-${made}`;
  }

  async function isIdling(relay: { sent(): string[]; received(): string }): Promise<void> {
    await vi.waitFor(
      () => {
        expect(relay.sent().at(-1)).toMatch(/ IDLE$/);
        expect(relay.received()).toMatch(/\+ [^\r\n]*\r\n$/);
      },
      { timeout: 10_000 },
    );
  }

  interface Cost {
    /** In bytes, both ways together, from the announcement of a push to its removal. */
    readonly push: number;
    /** Names of what was sent for it. */
    readonly commands: readonly string[];
    /** The bytes of one start. */
    readonly start: number;
  }

  async function cost(server: TestMailServer, folder: string): Promise<Cost> {
    const relay = await startRecordingRelay(server.imap);
    // Dovecot tells how long each command took, in more or fewer words.
    const received = (): string => relay.received().replace(/ \(\d[^()\r\n]* secs\)\./g, '');
    const traffic = (): number => received().length + relay.sent().join('\r\n').length;
    const watched = watch({ ...server.imap, ...relay }, { account: { folder } });
    await isIdling(relay);
    relay.clear();
    const raw = pushMail();
    const uid = await server.append(folder, raw);
    const { uidValidity } = (await watched.found()).progress;
    // Whoever is slow idles in between, and this is about the folder.
    await isIdling(relay);
    await watched.mailbox.fetch({ folder, uidValidity, uid }, 65_536);
    await isIdling(relay);
    await watched.mailbox.remove([{ folder, uidValidity, uid }]);
    await isIdling(relay);
    const push = traffic() - raw.length;
    const commands = relay.sent().map((line) => /(?:UID )?[A-Z]+(?= |$)/.exec(line.replace(/^\S+ /, ''))?.[0] ?? line);
    await watched.stop();
    relay.clear();
    const again = watch({ ...server.imap, ...relay }, { account: { folder }, progress: watched.progress() });
    await isIdling(relay);
    const start = traffic();
    await again.stop();
    return { push, commands, start };
  }

  it('costs no more for a push and for a start than a small one, but for the digits', async () => {
    const server = await start();
    const [small, large] = [await makeFolder(server), await makeFolder(server)];
    await server.appendAll(small, letters(10));
    await server.appendAll(large, letters(5000));
    const [ofSmall, ofLarge] = [await cost(server, small), await cost(server, large)];
    expect(ofLarge.push - ofSmall.push).toBeLessThanOrEqual(40);
    expect(ofLarge.start - ofSmall.start).toBeLessThanOrEqual(40);
    expect(ofLarge.push).toBeLessThan(1200);
    const commands = [
      'DONE',
      'UID FETCH',
      'IDLE',
      'DONE',
      'UID FETCH',
      'IDLE',
      'DONE',
      'UID STORE',
      'UID EXPUNGE',
      'IDLE',
    ];
    expect(ofSmall.commands).toEqual(commands);
    expect(ofLarge.commands).toEqual(commands);
  });

  it('is looked through in parts when thousands came while we were away, and every push is found', async () => {
    const server = await start();
    const folder = await makeFolder(server);
    await server.appendAll(folder, letters(100));
    const relay = await startRecordingRelay(server.imap);
    const watched = watch({ ...server.imap, ...relay }, { account: { folder } });
    await isIdling(relay);
    await watched.stop();
    await server.appendAll(folder, letters(1500));
    const first = await server.append(folder, pushMail());
    await server.appendAll(folder, letters(1500));
    const last = await server.append(folder, pushMail());
    relay.clear();
    const again = watch({ ...server.imap, ...relay }, { account: { folder }, progress: watched.progress() });
    await vi.waitFor(() => expect(again.progress()?.lastUid).toBe(last), { timeout: 20_000 });
    expect(again.open).toEqual(new Set([first, last]));
    const commands = relay.sent().map((line) => line.slice(line.indexOf(' ') + 1));
    expect(commands.filter((command) => command.startsWith('UID SEARCH'))).toHaveLength(1);
    const looks = commands.filter((command) => command.startsWith('UID FETCH'));
    expect(looks).toHaveLength(7);
    expect(commands.filter((command) => command.length > 8000)).toEqual([]);
  });

  it('is looked through in parts when thousands come at once, and every push is found', async () => {
    const server = await start();
    const folder = await makeFolder(server);
    const relay = await startRecordingRelay(server.imap);
    const watched = watch({ ...server.imap, ...relay }, { account: { folder } });
    await isIdling(relay);
    const mails = letters(3000);
    for (const index of [0, 1234, 2999]) mails[index] = pushMail();
    await server.appendAll(folder, mails);
    await vi.waitFor(() => expect(watched.progress()?.lastUid).toBe(3000), { timeout: 20_000 });
    expect(watched.open).toEqual(new Set([1, 1235, 3000]));
    await isIdling(relay);
    const uid = await server.append(folder, pushMail());
    expect((await nextFound(watched, uid)).channel).toBe(channel);
  });

  async function nextFound(watched: Watch, uid: number): Promise<{ uid: number; channel: string }> {
    for (;;) {
      const found = (await watched.found()).found.find((each) => each.uid === uid);
      if (found !== undefined) return found;
    }
  }

  const folded = (lines: number): string =>
    `Email-Notify: v=1;\r\n${` y=${'z'.repeat(900)};\r\n`.repeat(lines)} c=${channel}\r\n`;

  it.each([
    ['a line of 200 kB', `Email-Notify: ${'x'.repeat(200_000)}\r\n`],
    // The embedded server takes ten seconds for those 5 MB.
    name === 'hoodiecrow' ? ['500 kB on folded lines', folded(560)] : ['5 MB on folded lines', folded(5600)],
    ['ten thousand of them', notify().repeat(10_000)],
    ['a channel and then 200 kB', `${notify().trimEnd()};${' '.repeat(200_000)}\r\n`],
  ])('is not brought to a stop by an Email-Notify header with %s', async (_, header) => {
    const server = await start();
    const folder = await makeFolder(server);
    const relay = await startRecordingRelay(server.imap);
    const watched = watch({ ...server.imap, ...relay }, { account: { folder } });
    await isIdling(relay);
    relay.clear();
    await server.append(folder, letter('hostile', header));
    const uid = await server.append(folder, pushMail());
    expect((await watched.found()).found).toMatchObject([{ uid }]);
    expect(relay.received().length).toBeLessThan(10_000);
    expect(relay.connections().made).toBe(1);
    expect(watched.events.filter(({ type }) => type === 'disconnected')).toEqual([]);
  });
});
