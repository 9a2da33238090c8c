import { readFile } from 'node:fs/promises';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { generateKey } from '../../src/crypto/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { fillMailbox, type Letter, snapshot } from '../system/ordinary-mail.js';
import { createSetting, type Daemon, type Setting } from '../system/setting.js';
import { badMails, type Fate, type Means } from './bad-mails.js';
import { forge, forgeKey, from, targetOf } from './forge.js';

const service = 'org.example.App';

/** What the daemon says about a mail of this fate. */
function eventOf(fate: Fate): string | undefined {
  switch (fate.kind) {
    case 'not looked into':
      return undefined;
    case 'left':
      return 'push.unreadable';
    case 'delivered':
      return 'push.delivered';
    default:
      return `push.${fate.kind}`;
  }
}

/** Whether a mail of this fate stays in the mailbox. */
const stays = ({ kind }: Fate): boolean => ['not looked into', 'left', 'early', 'waiting-for-key'].includes(kind);

/** Waits until nothing is wrong any more. */
const soon = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 50 });

/** Resident memory in MB. */
async function memoryOf({ pid }: Daemon): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

describeEachMailServer('bad mail', { on: ({ name }) => name === 'Dovecot' || name === 'hoodiecrow' }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let app: BusApp;
  let ordinary: Letter[];
  const sent: { readonly name: string; readonly uid: number; readonly raw: string }[] = [];
  const memory: number[] = [];
  const good: string[] = [];
  let after: Letter[];
  let copy: string;

  async function endpointOf(token: string): Promise<string> {
    await app.register2({ service, token });
    await soon(() => expect(app.endpoints(token)).not.toEqual([]));
    return app.endpoints(token)[0] ?? '';
  }

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    await fillMailbox(setting.server);
    ordinary = (await snapshot(setting.server)).INBOX ?? [];
    daemon = await setting.startDaemon();
    app = await startBusApp(setting.bus.address, { protocol: 2, service });
    const appServer = await forgeKey(await generateKey({ address: from, now: Date.now() }));
    const stranger = await forgeKey(await generateKey({ address: from, now: Date.now() }));
    const target = await targetOf(await endpointOf('target'));
    const other = await targetOf(await endpointOf('other'));

    /** A good push on both channels; resolves when the app has it. */
    async function pushWell(payload: string): Promise<Buffer> {
      const { raw } = await forge(target, appServer, { payload });
      await setting.server.append('INBOX', raw);
      good.push(payload);
      await soon(() => expect(app.messages('target')).toContain(payload));
      return raw;
    }

    const delivered = await pushWell('good, before');
    copy = delivered.toString('latin1');
    await setting.server.append('INBOX', (await forge(other, appServer, { payload: 'good' })).raw);
    for (let index = 0; index < 20; index += 1) await pushWell(`good, warming up ${index}`);
    memory.push(await memoryOf(daemon));
    let fresh = 0;
    const means: Means = {
      target,
      other,
      appServer,
      stranger,
      delivered,
      fresh: async () => {
        fresh += 1;
        return await targetOf(await endpointOf(`fresh ${fresh}`));
      },
    };
    for (const [index, { name, make }] of badMails.entries()) {
      const raw = await make(means);
      sent.push({ name, uid: await setting.server.append('INBOX', raw), raw: raw.toString('latin1') });
      if (index % 20 === 19) await pushWell(`good, after ${index + 1}`);
    }
    await pushWell('good, at the end');
    memory.push(await memoryOf(daemon));
    const fates = new Map(badMails.map(({ name, fate }) => [name, fate]));
    const staying = sent.filter(({ name }) => stays(fates.get(name) ?? { kind: 'not looked into' }));
    const known = [...ordinary, ...staying].map(({ uid }) => uid);
    const look = async (): Promise<void> => {
      after = (await snapshot(setting.server)).INBOX ?? [];
      expect(after.map(({ uid }) => uid)).toEqual(known);
    };
    // Which of them is there and should not be, or the other way round, is said by the tests.
    await vi.waitFor(look, { timeout: 20_000, interval: 100 }).catch(() => {});
  }, 240_000);

  afterAll(async () => {
    await app?.close();
    await setting?.stop();
  });

  it.each(badMails)('$name: $fate.kind', { timeout: 15_000 }, async ({ name, fate }) => {
    const { uid, raw } = sent.find((mail) => mail.name === name) ?? { uid: 0, raw: '' };
    const letter = after.find((one) => one.uid === uid);
    if (stays(fate)) {
      expect(letter?.flags).not.toMatch(/Seen|Deleted|Flagged/);
      if (raw.length < 1_000_000) expect(letter?.raw).toBe(raw);
    } else {
      expect(letter).toBeUndefined();
    }
    const event = eventOf(fate);
    if (event === undefined) return;
    const line = await daemon.loggedOf(event, uid);
    if ('reason' in fate) expect(line.reason).toMatch(fate.reason);
  });

  it('nothing of it reaches the app, and every good push does, once and in order', () => {
    const messages = app.messages('target');
    expect(messages.filter((payload) => payload !== 'bad')).toEqual(good);
    const harmless = badMails.filter(({ fate }) => fate.kind === 'delivered');
    const all = app.heard.filter(({ member }) => member === 'Message').length;
    expect(all).toBe(good.length + 1 + harmless.length);
  });

  it('a delivered push that comes back from another folder is not delivered again', async () => {
    const before = app.messages('target').length;
    const raw = Buffer.from(copy, 'latin1');
    const { host, port, user, password: pass } = setting.server.imap;
    const client = new ImapFlow({ host, port, secure: false, auth: { user, pass }, logger: false });
    await client.connect();
    const uid = await setting.server.append('Work', raw);
    await client.mailboxOpen('Work');
    await client.messageMove(String(uid), 'INBOX', { uid: true });
    await client.logout();
    await daemon.logged('push.duplicate');
    await vi.waitFor(async () => expect((await snapshot(setting.server)).INBOX).toEqual(after), { timeout: 10_000 });
    expect(app.messages('target')).toHaveLength(before);
  });

  it('leaves ordinary mail as it was', () => {
    const uids = new Set(ordinary.map(({ uid }) => uid));
    expect(after.filter(({ uid }) => uids.has(uid))).toEqual(ordinary);
  });

  it('makes the daemon grow by less than 30 MB', () => {
    const [before = 0, afterwards = 0] = memory;
    expect(afterwards - before).toBeLessThan(30);
  });
});
