import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { BusError } from '../../src/dbus/index.js';
import type { AppStatus, Status } from '../../src/distributor/index.js';
import { createSender, generateKey, type HandshakeMemory } from '../../src/sender/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { runCommand } from '../tools/run-command.js';
import { channelOf, createSetting, type Daemon, type Setting } from './setting.js';

// What the daemon says is the same on every mail server: one is enough.
describeEachMailServer('the status', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    daemon = await setting.startDaemon();
  });

  afterAll(async () => {
    await setting?.stop();
  });

  async function ask(...args: string[]): Promise<string> {
    const environment = { DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
    const { code, stdout, stderr } = await runCommand(args, { environment });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  const status = async (): Promise<Status> => JSON.parse(await ask('status', '--json')) as Status;

  async function noted(service: string): Promise<AppStatus | undefined> {
    return (await status()).apps.find((app) => app.service === service);
  }

  /** An app that is on the bus, registered, and has its endpoint. */
  async function register(service: string, description = ''): Promise<{ app: BusApp; endpoint: string }> {
    const app = await startBusApp(setting.bus.address, { protocol: 2, service });
    onTestFinished(() => app.close());
    expect(await app.register2({ service, token: service, description })).toMatchObject({
      success: 'REGISTRATION_SUCCEEDED',
    });
    await expect.poll(() => app.endpoints(service)).toHaveLength(1);
    return { app, endpoint: app.endpoints(service)[0] ?? '' };
  }

  /** An app server that believes that everybody has its key already. */
  async function silentAboutItsKey() {
    const { host, port } = setting.server.smtp;
    const from = 'unknown@app.example';
    const key = await generateKey({ address: from, now: Date.now() });
    const handshakes: HandshakeMemory = { get: () => ({ sent: 100, lastAt: Date.now() }), set: () => {} };
    const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key, handshakes });
    onTestFinished(() => sender.close());
    return sender;
  }

  it('names the last push and the app it was for', async () => {
    const { app, endpoint } = await register('org.example.Last', 'Last');
    await setting.sender.send(endpoint, 'x');
    await daemon.logged('push.removed', endpoint);
    const { lastPush, sinceStart } = await status();
    expect(lastPush).toMatchObject({ service: 'org.example.Last', description: 'Last' });
    expect(sinceStart.delivered).toBeGreaterThan(0);
    expect(app.messages('org.example.Last')).toEqual(['x']);
  });

  it('says that an app is not running, what waits for it, and until when', async () => {
    const service = 'org.example.Gone';
    const { app, endpoint } = await register(service, 'Gone');
    await app.close();
    await setting.sender.send(endpoint, 'x');
    await daemon.logged('push.unreachable', endpoint);
    const gone = await noted(service);
    expect(gone).toMatchObject({ open: 1, waiting: { app: 1 }, channel: channelOf(endpoint).slice(0, 6) });
    expect(gone?.note).toMatch(
      /^It is not running, and the session bus cannot start it: start it, or install it again; its pushes are kept until \d{4}-\d\d-\d\d\.$/,
    );
    const { problems } = await status();
    expect(problems).toContainEqual(
      expect.objectContaining({ source: `app:${service}`, sentence: `${service}: ${gone?.note}` }),
    );
    expect(await ask('status')).toContain(`${service} (Gone): 1 (1 waiting for their app)`);
    const back = await startBusApp(setting.bus.address, { protocol: 2, service });
    onTestFinished(() => back.close());
    await daemon.logged('push.removed', endpoint);
    expect(await noted(service)).toBeUndefined();
  });

  it('says that an app refuses its pushes', async () => {
    const { app, endpoint } = await register('org.example.Refusing');
    app.answer = async () => {
      throw new BusError('ERR_TEST', 'Not now.', { errorName: 'org.example.Error.Busy' });
    };
    await setting.sender.send(endpoint, 'x');
    await daemon.logged('push.refused-by-app', endpoint);
    expect(await noted('org.example.Refusing')).toMatchObject({
      open: 1,
      waiting: { refusedByApp: 1 },
      note: expect.stringMatching(/^It refuses what it is given: look at its log, or restart it;/),
    });
  });

  it('shows a push that waits for the key of its sender, and calls nothing wrong', async () => {
    const { endpoint } = await register('org.example.Keyless');
    await (await silentAboutItsKey()).send(endpoint, 'x');
    await daemon.logged('push.waiting-for-key', endpoint);
    expect(await noted('org.example.Keyless')).toMatchObject({
      open: 1,
      waiting: { key: 1 },
      sender: null,
      note: expect.stringMatching(/^Pushes wait for the key of their app server/),
    });
    expect((await status()).problems.map(({ source }) => source)).not.toContain('app:org.example.Keyless');
  });

  it('says of a push of another app server who signed it and who may', async () => {
    const service = 'org.example.Pinned';
    const { endpoint } = await register(service);
    await setting.sender.send(endpoint, 'mine');
    await daemon.logged('push.removed', endpoint);
    await (await setting.anotherSender('intruder@app.example')).send(endpoint, 'let me in');
    const { reason } = await daemon.logged('push.refused', endpoint);
    await daemon.logged('push.removed', endpoint);
    const pinned = await noted(service);
    expect(pinned?.note).toMatch(/^Its last push was refused\. It is signed by \w{40}, pinned is \w{40}\. If /);
    expect(pinned?.note).toContain(`pinned is ${pinned?.sender}`);
    const { refusals, problems } = await status();
    expect(refusals).toContainEqual({ reason, count: 1 });
    expect(problems).toContainEqual(expect.objectContaining({ source: `app:${service}` }));
    await setting.sender.send(endpoint, 'mine again');
    await daemon.logged('push.removed', endpoint);
    expect(await noted(service)).toBeUndefined();
  });

  it('counts the mails that it leaves untouched', async () => {
    const { endpoint } = await register('org.example.Unreadable');
    const before = (await status()).sinceStart.leftUntouched;
    const letter = `Subject: Hello\r\nEmail-Notify: v=1; c=${channelOf(endpoint)}\r\n\r\nA letter of a human.\r\n`;
    await setting.server.append('INBOX', Buffer.from(letter));
    await daemon.logged('push.unreadable', endpoint);
    expect((await status()).sinceStart.leftUntouched).toBe(before + 1);
    expect(await ask('status')).toMatch(/^Left untouched {2}\d+ mails/m);
  });

  it('lists every app, and shows nothing of what one says of itself as a command to the terminal', async () => {
    const hostile = '\u001b[2J\u009b31m\nFake: all is well\u202e';
    const { endpoint } = await register('org.example.Hostile', hostile);
    await daemon.logged('app.registered', endpoint);
    const text = await ask('apps');
    expect(text).toContain('org.example.Hostile ([2J 31m Fake: all is well)');
    for (const shown of [text, await ask('apps', '--json')]) {
      expect(shown.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
      expect(shown).not.toMatch(/^\s*Fake/m);
    }
    const { apps } = JSON.parse(await ask('apps', '--json')) as { apps: AppStatus[] };
    expect(apps.find(({ service }) => service === 'org.example.Hostile')).toMatchObject({
      description: hostile,
      sender: null,
      open: 0,
      note: null,
    });
  });

  it('holds no token and no endpoint', async () => {
    const connector = await createConnector({ service: 'org.example.Secretive', busAddress: setting.bus.address });
    onTestFinished(() => connector.close());
    const token = '{5c1f0e0a-token-of-the-app}';
    const { endpoint } = await connector.register({ token, description: 'Secretive' });
    const said = [
      await ask('status'),
      await ask('status', '--json'),
      await ask('apps'),
      await ask('apps', '--json'),
    ].join('');
    expect(said).toContain('Secretive');
    for (const secret of [token, endpoint, channelOf(endpoint), 'mailto:', 'keydata'])
      expect(said).not.toContain(secret);
  });
});
