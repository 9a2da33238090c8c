import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { generateKey } from '../../src/crypto/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting, type Daemon, type Setting } from '../system/setting.js';
import { type ForgeKey, forge, forgeKey, from, type Target, targetOf } from './forge.js';

const service = 'org.example.App';
const token = 'target';
/** Beside it, INBOX and the folder for spam are looked at now and then. */
const folder = 'Push';

const soon = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 50 });

describeEachMailServer('a push that comes again', { on: ({ name }) => name === 'Dovecot' }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let app: BusApp;
  let appServer: ForgeKey;
  let target: Target;

  beforeAll(async () => {
    const server = await kind.start();
    await server.createFolder(folder);
    setting = await createSetting(server, `folder = "${folder}"\n`);
    daemon = await setting.startDaemon();
    app = await startBusApp(setting.bus.address, { protocol: 2, service });
    await app.register2({ service, token });
    await soon(() => expect(app.endpoints(token)).not.toEqual([]));
    target = await targetOf(app.endpoints(token)[0] ?? '');
    appServer = await forgeKey(await generateKey({ address: from, now: Date.now() }));
  });

  afterAll(async () => {
    await app?.close();
    await setting?.stop();
  });

  const make = async (payload: string): Promise<Buffer> => (await forge(target, appServer, { payload })).raw;
  const timesDelivered = (payload: string): number => app.messages(token).filter((one) => one === payload).length;

  async function delivered(payload: string): Promise<Buffer> {
    const raw = await make(payload);
    await setting.server.append(folder, raw);
    await soon(() => expect(timesDelivered(payload)).toBe(1));
    return raw;
  }

  /** It is delivered once, and no mail of ours is left. */
  async function expectOnce(payload: string): Promise<void> {
    await soon(async () => {
      const mails = await setting.server.snapshot();
      expect([folder, 'INBOX', 'Junk'].flatMap((name) => mails[name] ?? [])).toEqual([]);
    });
    expect(timesDelivered(payload)).toBe(1);
  }

  it('with other outer headers is delivered once', async () => {
    const raw = (await delivered('other headers')).toString('latin1');
    const changed = raw
      .replace(/^Message-ID: .*$/m, 'Message-ID: <another@provider.example>')
      .replace(/^Subject: .*$/m, 'Subject: Fwd: hello')
      .replace(/^From: .*$/m, 'From: somebody@provider.example')
      .replace(/^Date: .*$/m, 'Date: Mon, 1 Jan 2035 00:00:00 +0000');
    expect(changed).not.toBe(raw);
    await setting.server.append(folder, Buffer.from(`Received: from provider.example\r\n${changed}`, 'latin1'));
    await daemon.logged('push.duplicate');
    await expectOnce('other headers');
  });

  it('after a new start is delivered once', async () => {
    const raw = await delivered('a new start');
    await expectOnce('a new start');
    await daemon.stop();
    await setting.server.append(folder, raw);
    daemon = await setting.startDaemon();
    await daemon.logged('push.duplicate');
    await expectOnce('a new start');
  });

  it('in three folders at once is delivered once', async () => {
    await daemon.stop();
    const raw = await make('three folders');
    for (const name of [folder, 'INBOX', 'Junk']) await setting.server.append(name, raw);
    daemon = await setting.startDaemon();
    await daemon.logged('push.duplicate');
    await daemon.logged('push.duplicate');
    await expectOnce('three folders');
  });

  it('under another UIDVALIDITY is delivered once', async () => {
    const raw = await delivered('numbered anew');
    await expectOnce('numbered anew');
    await daemon.stop();
    const { host, port, user, password: pass } = setting.server.imap;
    const client = new ImapFlow({ host, port, secure: false, auth: { user, pass }, logger: false });
    await client.connect();
    const before = await client.status(folder, { uidValidity: true });
    await client.mailboxDelete(folder);
    await client.mailboxCreate(folder);
    const after = await client.status(folder, { uidValidity: true });
    await client.logout();
    if (before === false || after === false) throw new Error('This folder has no status.');
    expect(after.uidValidity).not.toBe(before.uidValidity);
    await setting.server.append(folder, raw);
    daemon = await setting.startDaemon();
    await daemon.logged('push.duplicate');
    await expectOnce('numbered anew');
  });
});
