import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { distributorPath, interfaceNames, stringDict } from '../../src/dbus/index.js';
import { messageType } from '../../src/dbus/message.js';
import { openStore } from '../../src/distributor/store/index.js';
import { createSender, generateKey, type Sender } from '../../src/sender/index.js';
import { type BusApp, type BusAppOptions, startBusApp } from '../apps/bus-app.js';
import { embedded } from '../mail-servers/embedded.js';
import { connectFrames } from '../tools/bus-frames.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const distributor = 'org.unifiedpush.Distributor.mailpush';
const reasons = /^(INTERNAL_ERROR|NETWORK|ACTION_REQUIRED|VAPID_REQUIRED|UNAUTHORIZED)$/;
/** 100 bytes that are no ASCII. */
const hundred = 'ä'.repeat(50);
const never = (): Promise<never> => new Promise(() => {});
const refuse = async (): Promise<never> => {
  throw new Error('An app that fails.');
};

let setting: Setting;
let daemon: Daemon;

beforeAll(async () => {
  const server = await embedded.start();
  setting = await createSetting(server);
  daemon = await setting.startDaemon();
});

afterAll(async () => {
  await setting?.stop();
  await setting?.server.stop();
});

/** An app for one test. */
async function appOf(options: BusAppOptions): Promise<BusApp> {
  const app = await startBusApp(setting.bus.address, options);
  onTestFinished(() => app.close());
  return app;
}

/** Registers a token of the app, in its own version, and gives the endpoint. */
async function endpointOf(app: BusApp, protocol: 1 | 2, token: string): Promise<string> {
  const before = app.endpoints(token).length;
  const result =
    protocol === 1
      ? (await app.register1(app.service, token))[0]
      : (await app.register2({ service: app.service, token })).success;
  expect(result).toBe('REGISTRATION_SUCCEEDED');
  await expect.poll(() => app.endpoints(token).length).toBe(before + 1);
  return app.endpoints(token).at(-1) ?? '';
}

describe('the object on the bus', () => {
  it('is found by introspection, in both versions', async () => {
    const { bus } = await appOf({ protocol: 2 });
    const [text] = await bus.call({
      destination: distributor,
      path: distributorPath,
      interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect',
      replySignature: 's',
    });
    expect(text).toContain('org.unifiedpush.Distributor1');
    expect(text).toContain('org.unifiedpush.Distributor2');
    expect(await bus.listNames()).toContain(distributor);
  });

  it('refuses arguments of other types than its methods have', async () => {
    const { bus } = await appOf({ protocol: 1 });
    for (const [interfaceName, signature, args] of [
      [interfaceNames.distributor1, 'ss', ['a', 'b']],
      [interfaceNames.distributor1, 'says', ['a', new Uint8Array(), 'b']],
      [interfaceNames.distributor2, 'a{ss}', [{ token: 'x' }]],
      [interfaceNames.distributor2, 's', ['x']],
    ] as const) {
      const call = { destination: distributor, path: distributorPath, interface: interfaceName, member: 'Register' };
      const error = { errorName: 'org.freedesktop.DBus.Error.InvalidArgs' };
      await expect(bus.call({ ...call, signature, args })).rejects.toMatchObject(error);
    }
  });
});

describe('a registration that breaks a rule fails with a reason', () => {
  let app: BusApp;
  let other: BusApp;
  const service = 'org.example.Rules';

  beforeAll(async () => {
    app = await startBusApp(setting.bus.address, { protocol: 2, service });
    other = await startBusApp(setting.bus.address, { protocol: 2, service: 'org.example.RulesOfOthers' });
  });

  afterAll(async () => {
    await app?.close();
    await other?.close();
  });

  it.each<[string, () => readonly [service: string, token: string, description: string]]>([
    ['no service', () => ['', 'x', '']],
    ['a service that is no bus name', () => ['my app', 'x', '']],
    ['no token', () => [service, '', '']],
    ['a token of 101 bytes', () => [service, `${hundred}x`, '']],
    ['a description of 101 bytes', () => [service, 'x', `${hundred}x`]],
    ["another program's service", () => [other.service, 'x', '']],
    ["another program's connection", () => [other.bus.uniqueName, 'x', '']],
    ['a connection that never was', () => [':1.99999', 'x', '']],
    ['a service that nobody owns', () => ['org.example.Nobody', 'x', '']],
    ['the distributor', () => [distributor, 'x', '']],
    ['the bus', () => ['org.freedesktop.DBus', 'x', '']],
  ])('in version 1: %s', async (_, argumentsOf) => {
    const [result, reason] = await app.register1(...argumentsOf());
    expect([result, reason]).toEqual(['REGISTRATION_FAILED', expect.stringMatching(/\.$/)]);
  });

  it.each<[string, string, () => Readonly<Record<string, unknown>>]>([
    ['no service', 'INTERNAL_ERROR', () => ({ token: 'x' })],
    ['a service of another type', 'INTERNAL_ERROR', () => ({ service: { signature: 'o', value: '/a' }, token: 'x' })],
    ['no token', 'INTERNAL_ERROR', () => ({ service })],
    ['an empty token', 'INTERNAL_ERROR', () => ({ service, token: '' })],
    ['a token of another type', 'INTERNAL_ERROR', () => ({ service, token: { signature: 'u', value: 1 } })],
    ['a token of 101 bytes', 'INTERNAL_ERROR', () => ({ service, token: `${hundred}x` })],
    ['a description of 101 bytes', 'INTERNAL_ERROR', () => ({ service, token: 'x', description: `${hundred}x` })],
    ['a VAPID key of 86 characters', 'INTERNAL_ERROR', () => ({ service, token: 'x', vapid: 'B'.repeat(86) })],
    ['a VAPID key of 88 characters', 'INTERNAL_ERROR', () => ({ service, token: 'x', vapid: 'B'.repeat(88) })],
    ['a VAPID key that is none', 'INTERNAL_ERROR', () => ({ service, token: 'x', vapid: '='.repeat(87) })],
    ['a sender that is no fingerprint', 'INTERNAL_ERROR', () => ({ service, token: 'x', 'org.mailpush.sender': 'me' })],
    ['an empty sender', 'INTERNAL_ERROR', () => ({ service, token: 'x', 'org.mailpush.sender': '' })],
    [
      'a sender of another type',
      'INTERNAL_ERROR',
      () => ({ service, token: 'x', 'org.mailpush.sender': { signature: 'ay', value: new Uint8Array(20) } }),
    ],
    ["another program's service", 'UNAUTHORIZED', () => ({ service: other.service, token: 'x' })],
    ["another program's connection", 'UNAUTHORIZED', () => ({ service: other.bus.uniqueName, token: 'x' })],
    ['a service that nobody owns', 'UNAUTHORIZED', () => ({ service: 'org.example.Nobody', token: 'x' })],
    ['the distributor', 'UNAUTHORIZED', () => ({ service: distributor, token: 'x' })],
  ])('in version 2: %s', async (_, reason, fieldsOf) => {
    expect(await app.register2(fieldsOf())).toEqual({ success: 'REGISTRATION_FAILED', reason });
    expect(reason).toMatch(reasons);
  });

  it('and leaves nothing behind', async () => {
    expect(await daemon.stop()).toBe(0);
    const store = await openStore(join(setting.directory, 'state'));
    const registrations = await store.registrations();
    await store.close();
    expect(registrations).toEqual([]);
    expect([app.heard, other.heard]).toEqual([[], []]);
    daemon = await setting.startDaemon();
  });
});

describe('a registration may have', () => {
  it.each([1, 2] as const)('in version %i a token of 100 bytes and a description of 100', async (protocol) => {
    const app = await appOf({ protocol, service: `org.example.Limits${protocol}` });
    const token = `${protocol}`.repeat(2) + 'ä'.repeat(49);
    if (protocol === 1) {
      expect(await app.register1(app.service, token, hundred)).toEqual(['REGISTRATION_SUCCEEDED', '']);
    } else {
      const fields = { service: app.service, token, description: hundred, vapid: `aZ-_${'9'.repeat(83)}` };
      expect(await app.register2(fields)).toEqual({ success: 'REGISTRATION_SUCCEEDED' });
    }
    await expect.poll(() => app.endpoints(token)).toEqual([expect.stringMatching(/^mailto:/)]);
    await setting.sender.send(app.endpoints(token)[0] ?? '', 'hello');
    await expect.poll(() => app.messages(token)).toEqual(['hello']);
  });

  it.each([`{${randomUUID()}}`, '"\'\\ <🦊>\n\u202e', '__proto__'])('any text as token: %j', async (token) => {
    const app = await appOf({ protocol: 2, service: 'org.example.AnyText' });
    const endpoint = await endpointOf(app, 2, token);
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => app.messages(token)).toEqual(['hello']);
  });

  it('a unique name as service, for as long as its connection lives', async () => {
    const app = await appOf({ protocol: 2 });
    const endpoint = await endpointOf(app, 2, 'nameless');
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => app.messages('nameless')).toEqual(['hello']);
    await app.close();
    await daemon.logged('app.unregistered', endpoint);
  });

  it('a service that nobody owns when the bus can start it', async () => {
    const service = 'org.example.Startable';
    const file = join(setting.serviceDirectory, `${service}.service`);
    await writeFile(file, `[D-BUS Service]\nName=${service}\nExec=/bin/false\n`);
    const app = await appOf({ protocol: 2 });
    expect(await app.register2({ service, token: 'started' })).toEqual({ success: 'REGISTRATION_SUCCEEDED' });
  });

  it('keys that nobody knows', async () => {
    const app = await appOf({ protocol: 2, service: 'org.example.Unknown' });
    const fields = { service: app.service, token: 'x', later: { signature: 'ax', value: [1n] }, toString: 'x' };
    expect(await app.register2(fields)).toEqual({ success: 'REGISTRATION_SUCCEEDED' });
  });
});

describe('registering', () => {
  it('twice at once with one token, over both versions, gives one channel', async () => {
    const app = await appOf({ protocol: 2, service: 'org.example.Twice' });
    const [one, two] = await Promise.all([
      app.register1(app.service, 'same'),
      app.register2({ service: app.service, token: 'same' }),
    ]);
    expect([one[0], two.success]).toEqual(['REGISTRATION_SUCCEEDED', 'REGISTRATION_SUCCEEDED']);
    await expect.poll(() => app.endpoints('same').length).toBeGreaterThan(0);
    const again = await endpointOf(app, 2, 'same');
    expect(new Set([...app.endpoints('same'), again]).size).toBe(1);
  });

  it('is answered before the endpoint comes, which comes again with every registration', async () => {
    const frames = await connectFrames(setting.bus.address);
    const register = () =>
      frames.call({
        destination: distributor,
        path: distributorPath,
        interface: interfaceNames.distributor2,
        member: 'Register',
        signature: 'a{sv}',
        body: [stringDict({ service: frames.uniqueName, token: 'order' })],
      });
    const endpoints = () => frames.received.filter(({ header }) => header.member === 'NewEndpoint');
    const told: unknown[] = [];
    for (const times of [1, 2, 3]) {
      const serial = register();
      await expect.poll(() => endpoints().length).toBe(times);
      const reply = frames.received.findIndex(({ header }) => header.replySerial === serial);
      const endpoint = frames.received.findLastIndex(({ header }) => header.member === 'NewEndpoint');
      expect(frames.received[reply]?.header.type).toBe(messageType.reply);
      expect(reply).toBeLessThan(endpoint);
      told.push(frames.received[endpoint]?.body);
    }
    expect(told).toEqual([told[0], told[0], told[0]]);
  });

  it.each([1, 2] as const)('over version %i brings the calls of that version, and no others', async (protocol) => {
    const app = await appOf({ protocol, service: `org.example.Version${protocol}` });
    const endpoint = await endpointOf(app, protocol, 'version');
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => app.messages('version')).toEqual(['hello']);
    await app.unregister('version');
    await expect.poll(() => app.heard.map(({ member }) => member)).toEqual(['NewEndpoint', 'Message', 'Unregistered']);
  });

  it('over another version than before changes the calls and keeps the endpoint', async () => {
    const service = 'org.example.Upgraded';
    const old = await appOf({ protocol: 1, service });
    const endpoint = await endpointOf(old, 1, 'upgraded');
    await old.close();
    const app = await appOf({ protocol: 2, service });
    expect(await endpointOf(app, 2, 'upgraded')).toBe(endpoint);
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => app.messages('upgraded')).toEqual(['hello']);
  });
});

describe('a token', () => {
  it('answers only to the service that registered it', async () => {
    const app = await appOf({ protocol: 2, service: 'org.example.Owner' });
    const thief = await appOf({ protocol: 2, service: 'org.example.Thief' });
    const endpoint = await endpointOf(app, 2, 'owned');
    const refused = { success: 'REGISTRATION_FAILED', reason: 'UNAUTHORIZED' };
    expect(await thief.register2({ service: thief.service, token: 'owned' })).toEqual(refused);
    expect(await thief.register2({ service: app.service, token: 'owned' })).toEqual(refused);
    expect((await thief.register1(thief.service, 'owned'))[0]).toBe('REGISTRATION_FAILED');
    await thief.unregister('owned');
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => app.messages('owned')).toEqual(['hello']);
    expect(thief.heard).toEqual([]);
    expect(app.heard.map(({ member }) => member)).toEqual(['NewEndpoint', 'Message']);
  });

  it('that is not registered can be unregistered all the same', async () => {
    for (const protocol of [1, 2] as const) await (await appOf({ protocol })).unregister('never seen');
  });
});

describe('an app', () => {
  it.each([1, 2] as const)(
    'of version %i that fails at what it is told gets its messages nevertheless',
    async (protocol) => {
      const app = await appOf({ protocol, service: `org.example.Failing${protocol}` });
      const token = `failing-${protocol}`;
      const { answer } = app;
      app.answer = (member) => (member === 'Message' ? answer(member) : refuse());
      const endpoint = await endpointOf(app, protocol, token);
      await setting.sender.send(endpoint, 'hello');
      await expect.poll(() => app.messages(token)).toEqual(['hello']);
      await app.unregister(token);
      await expect.poll(() => app.heard.at(-1)?.member).toBe('Unregistered');
      expect(await endpointOf(app, protocol, token)).not.toBe(endpoint);
    },
  );

  it('that hangs in everything that it is told holds up nobody', async () => {
    const hanging = await appOf({ protocol: 2, service: 'org.example.Hanging' });
    hanging.answer = never;
    const endpoints = await Promise.all(['1', '2', '3'].map((token) => endpointOf(hanging, 2, token)));
    for (const endpoint of endpoints) await setting.sender.send(endpoint, 'hang');
    await expect.poll(() => hanging.messages('3')).toEqual(['hang']);
    const other = await appOf({ protocol: 1, service: 'org.example.NotHanging' });
    const endpoint = await endpointOf(other, 1, 'free');
    await setting.sender.send(endpoint, 'hello');
    await expect.poll(() => other.messages('free')).toEqual(['hello']);
    // The registrations end with it, so that the rest of the file is not disturbed.
    for (const token of ['1', '2', '3']) await hanging.unregister(token);
  });
});

describe('an app that names its sender', () => {
  let named: Sender;
  let fingerprint: string;

  beforeAll(async () => {
    const key = await generateKey({ address: 'named@app.example', now: Date.now() });
    const { host, port } = setting.server.smtp;
    named = createSender({ smtp: `smtp://${host}:${port}`, from: 'named@app.example', key });
    fingerprint = key.fingerprint;
  });

  afterAll(async () => {
    await named?.close();
  });

  it('hears that one only, even if another is first', async () => {
    const app = await appOf({ protocol: 2, service: 'org.example.Named' });
    const fields = { service: app.service, token: 'named', 'org.mailpush.sender': fingerprint.toUpperCase() };
    expect(await app.register2(fields)).toEqual({ success: 'REGISTRATION_SUCCEEDED' });
    await expect.poll(() => app.endpoints('named').length).toBe(1);
    const endpoint = app.endpoints('named')[0] ?? '';
    await setting.sender.send(endpoint, 'not me');
    expect((await daemon.logged('push.refused', endpoint)).reason).toContain(`pinned is ${fingerprint}`);
    await named.send(endpoint, 'me');
    await expect.poll(() => app.messages('named')).toEqual(['me']);
    const another = { ...fields, 'org.mailpush.sender': 'a'.repeat(40) };
    expect(await app.register2(another)).toEqual({ success: 'REGISTRATION_FAILED', reason: 'UNAUTHORIZED' });
  });
});

describe('without its mail server', () => {
  it('the daemon registers, and what was pushed meanwhile comes when it is back', async () => {
    const app = await appOf({ protocol: 2, service: 'org.example.Offline' });
    setting.server.interrupt();
    await daemon.logged('imap.disconnected');
    const endpoint = await endpointOf(app, 2, 'offline');
    await setting.sender.send(endpoint, 'hello');
    setting.server.resume();
    await expect.poll(() => app.messages('offline'), { timeout: 20_000 }).toEqual(['hello']);
  });

  it('the daemon registers from its very first start on, and misses nothing when it connects at last', async () => {
    const server = await embedded.start();
    const fresh = await createSetting(server);
    onTestFinished(async () => {
      await fresh.stop();
      await server.stop();
    });
    server.interrupt();
    await fresh.startDaemon({ offline: true });
    const app = await startBusApp(fresh.bus.address, { protocol: 1, service: 'org.example.Early' });
    onTestFinished(() => app.close());
    const endpoint = await endpointOf(app, 1, 'early');
    await fresh.sender.send(endpoint, 'hello');
    server.resume();
    await expect.poll(() => app.messages('early'), { timeout: 20_000 }).toEqual(['hello']);
  });
});

describe('when the bus dies', () => {
  it('the daemon ends with 69', async () => {
    const server = await embedded.start();
    const doomed = await createSetting(server);
    onTestFinished(async () => {
      await doomed.stop();
      await server.stop();
    });
    const { ended } = await doomed.startDaemon();
    process.kill(doomed.bus.pid, 'SIGKILL');
    expect(await ended).toBe(69);
  });
});
