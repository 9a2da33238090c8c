import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import {
  describeWithPythonApp,
  installPythonApp,
  type PythonApp,
  type PythonAppOptions,
  startPythonApp,
} from './python-app.js';
import { type SmallDistributor, startSmallDistributor } from './small-distributor.js';

const distributor = 'org.unifiedpush.Distributor.test';
const service = 'org.example.PythonApp';
const token = '{0123}';

describeWithPythonApp('an app in Python', () => {
  let directory: string;
  let daemon: PrivateBus;
  let peer: SmallDistributor;
  const apps: PythonApp[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
    daemon = await startPrivateBus({ directory });
  });

  beforeEach(async () => {
    peer = await startSmallDistributor(daemon.address, distributor, { versions: [1, 2] });
  });

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.stop();
    await peer.stop();
  });

  afterAll(async () => {
    await daemon?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(options: Partial<PythonAppOptions> & { protocol: 1 | 2 }): Promise<PythonApp> {
    const app = await startPythonApp(daemon.address, { distributor, service, token, ...options });
    apps.push(app);
    return app;
  }

  const every = Uint8Array.from({ length: 256 }, (_, index) => index);

  for (const protocol of [1, 2] as const) {
    it(`registers over version ${protocol}, receives, is unregistered and quits`, async () => {
      const app = await start({ protocol, description: 'Notes' });
      expect(await app.next('registered')).toMatchObject({ result: 'REGISTRATION_SUCCEEDED', reason: '' });
      const { endpoint } = await app.next('endpoint');
      expect(endpoint).toBe('https://push.example.org/1');
      expect(peer.seen).toMatchObject([
        { version: protocol, service, token, dict: { description: { value: 'Notes' } } },
      ]);
      const reply = await peer.deliver(token, 'id-1', every);
      expect(reply).toEqual(protocol === 1 ? [] : [{ id: { signature: 's', value: 'id-1' } }]);
      const message = await app.next('message');
      expect(message).toMatchObject({ token, id: 'id-1', accepted: true });
      expect(new Uint8Array(Buffer.from(message.data, 'base64'))).toEqual(every);
      app.send({ command: 'unregister' });
      await peer.endRegistration(token);
      expect(await app.next('unregistered')).toMatchObject({ token });
      app.send({ command: 'quit' });
      await app.ended;
      expect(peer.unregistered).toEqual([token]);
    });

    it(`refuses, keeps silent and answers late over version ${protocol}, as it is told`, async () => {
      const app = await start({ protocol, refuse: 1 });
      await app.next('endpoint');
      await expect(peer.deliver(token, 'a', 'a')).rejects.toMatchObject({ errorName: 'org.example.Error.Refused' });
      expect(await app.next('message')).toMatchObject({ id: 'a', accepted: false });
      await peer.deliver(token, 'a', 'a');
      expect(await app.next('message')).toMatchObject({ id: 'a', accepted: true });
      app.send({ command: 'silent', value: true });
      app.send({ command: 'register' });
      await app.next('endpoint');
      const silent = peer.deliver(token, 'b', 'b');
      expect(await app.next('message')).toMatchObject({ id: 'b', accepted: false });
      app.send({ command: 'release' });
      await silent;
    });

    it(`is started by the bus for a message over version ${protocol}, and ends after it`, async () => {
      const name = `org.example.Activated${protocol}`;
      const options = { protocol, token, distributor, service: name, noRegister: true, quitAfter: 1 };
      const installed = await installPythonApp(directory, join(directory, 'services'), options);
      peer.seen.push({ version: protocol, caller: '', service: name, token, dict: {} });
      const delivered = peer.deliver(token, 'wake up', every, 20_000);
      const app = await installed.started();
      expect(await app.next('message')).toMatchObject({ id: 'wake up', accepted: true });
      await delivered;
      await app.ended;
      await installed.close();
    });
  }

  it('may own its name before its object exists', async () => {
    const app = await start({ protocol: 1, lateObjectMs: 60_000, noRegister: true });
    peer.seen.push({ version: 1, caller: '', service, token, dict: {} });
    await expect(peer.deliver(token, 'early', every)).rejects.toMatchObject({ code: 'ERR_BUS_CALL' });
    expect(app.unread).toEqual([]);
  });

  it('may use its unique name, and return nothing for a message', async () => {
    const app = await startPythonApp(daemon.address, { protocol: 2, distributor, token, emptyReply: true });
    apps.push(app);
    await app.next('endpoint');
    expect(peer.seen[0]?.service).toBe(peer.seen[0]?.caller);
    expect(await peer.deliver(token, 'x', every)).toEqual([{}]);
  });

  it('tells that a registration was refused, and that there is no distributor', async () => {
    peer.behaviour.refuse = { result: 'REGISTRATION_FAILED', reason: 'NETWORK' };
    const app = await start({ protocol: 2, sender: 'a'.repeat(40), vapid: 'B'.repeat(87) });
    expect(await app.next('registered')).toMatchObject({ result: 'REGISTRATION_FAILED', reason: 'NETWORK' });
    const lonely = await start({
      protocol: 1,
      service: 'org.example.Lonely',
      distributor: 'org.unifiedpush.Distributor.absent',
    });
    expect(await lonely.next('failed')).toMatchObject({ name: 'org.freedesktop.DBus.Error.ServiceUnknown' });
  });
});
