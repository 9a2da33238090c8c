import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithPythonApp, installPythonApp, type PythonApp, startPythonApp } from '../apps/python-app.js';
import { describeEachMailServer, isPlainAndComplete, type MailServerKind } from '../mail-servers/index.js';
import { fillMailbox, snapshot, snapshotApartFromHandled } from './ordinary-mail.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const everyByte = new Uint8Array(4096).map((_, index) => (index * 7) % 256);
const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

const on = (kind: MailServerKind): boolean => isPlainAndComplete(kind) || kind.name === 'GreenMail';

describeWithPythonApp('apps in another language', () => {
  // What a server lacks, and TLS, make no difference to apps; the other suites are held against those too.
  describeEachMailServer('apps of both versions', { on }, (kind) => {
    let setting: Setting;
    let daemon: Daemon;
    let ordinary: unknown;
    const apps: PythonApp[] = [];

    beforeAll(async () => {
      setting = await createSetting(await kind.start());
      await fillMailbox(setting.server);
      ordinary = await snapshot(setting.server);
      daemon = await setting.startDaemon();
    });

    afterAll(async () => {
      await Promise.all(apps.map((app) => app.stop()));
      await setting?.stop();
    });

    async function start(options: Parameters<typeof startPythonApp>[1]): Promise<{ app: PythonApp; endpoint: string }> {
      const app = await startPythonApp(setting.bus.address, options);
      apps.push(app);
      const { endpoint } = await app.next('endpoint');
      return { app, endpoint };
    }

    it.each([1, 2] as const)('version %i gets payloads of 1 and 4096 bytes exactly and in order', async (protocol) => {
      const { app, endpoint } = await start({ protocol, service: `org.example.Exact${protocol}`, token: randomUUID() });
      const payloads = [new Uint8Array([0]), everyByte, new Uint8Array([255])];
      for (const payload of payloads) await setting.sender.send(endpoint, payload);
      for (const payload of payloads) expect((await app.next('message')).data).toBe(base64(payload));
    });

    it('takes a token in braces, and an app without a name of its own', async () => {
      const { app, endpoint } = await start({ protocol: 2, token: `{${randomUUID()}}` });
      await setting.sender.send(endpoint, 'x');
      expect((await app.next('message')).data).toBe(base64(Buffer.from('x')));
    });

    it('takes it for an acceptance when a version 1 app never answers', async () => {
      const { app, endpoint } = await start({
        protocol: 1,
        service: 'org.example.Silent',
        token: 'silent',
        silent: true,
      });
      for (const text of ['one', 'two']) await setting.sender.send(endpoint, text);
      expect((await app.next('message')).data).toBe(base64(Buffer.from('one')));
      expect((await app.next('message')).data).toBe(base64(Buffer.from('two')));
    });

    it('takes an empty answer of a version 2 app for an acceptance', async () => {
      const { app, endpoint } = await start({
        protocol: 2,
        service: 'org.example.Empty',
        token: 'empty',
        emptyReply: true,
      });
      for (const text of ['one', 'two']) await setting.sender.send(endpoint, text);
      await app.next('message');
      expect((await app.next('message')).data).toBe(base64(Buffer.from('two')));
    });

    it.each([1, 2] as const)('tries again, with the same id, when a version %i app refuses', async (protocol) => {
      const { app, endpoint } = await start({
        protocol,
        service: `org.example.Refusing${protocol}`,
        token: `refusing-${protocol}`,
        refuse: 2,
      });
      const { id } = await setting.sender.send(endpoint, 'please');
      for (const accepted of [false, false, true]) expect(await app.next('message')).toMatchObject({ id, accepted });
    });

    it('starts an app that the bus can start, and waits for one whose object comes late', async () => {
      const options = { protocol: 1, service: 'org.example.Activated', token: 'activated', lateObjectMs: 500 } as const;
      const installed = await installPythonApp(setting.directory, setting.serviceDirectory, options);
      const { app, endpoint } = await start({ ...options, lateObjectMs: 0 });
      app.send({ command: 'quit' });
      await app.ended;
      await setting.sender.send(endpoint, 'wake up');
      const woken = await installed.started();
      expect((await woken.next('message')).data).toBe(base64(Buffer.from('wake up')));
      await installed.close();
    });

    it.each([1, 2] as const)('version %i hears that it has unregistered', async (protocol) => {
      const token = `leaving-${protocol}`;
      const { app } = await start({ protocol, service: `org.example.Leaving${protocol}`, token });
      app.send({ command: 'unregister' });
      expect((await app.next('unregistered')).token).toBe(protocol === 1 ? '' : token);
    });

    it('ends the registration of a nameless app when its connection ends', async () => {
      const { app, endpoint } = await start({ protocol: 2, token: 'nameless' });
      app.send({ command: 'quit' });
      await app.ended;
      await daemon.logged('app.unregistered', endpoint);
      await setting.sender.send(endpoint, 'nobody is there');
      await daemon.logged('push.retired', endpoint);
      await daemon.logged('push.removed', endpoint);
    });

    it('brings what came while the daemon was stopped, once each, and leaves the mailbox as it was', async () => {
      const one = await start({ protocol: 1, service: 'org.example.Stopped1', token: 'stopped-1' });
      const two = await start({ protocol: 2, service: 'org.example.Stopped2', token: 'stopped-2' });
      expect(await daemon.stop()).toBe(0);
      const texts = ['one', 'two', 'three'];
      for (const text of texts) {
        for (const { endpoint } of [one, two]) await setting.sender.send(endpoint, text);
      }
      daemon = await setting.startDaemon();
      for (const { app } of [one, two]) {
        for (const text of texts) expect((await app.next('message')).data).toBe(base64(Buffer.from(text)));
      }
      for (const { endpoint } of [one, two]) {
        for (const _ of texts) await daemon.logged('push.removed', endpoint);
      }
      expect((await snapshotApartFromHandled(setting.server)).mailbox).toEqual(ordinary);
      for (const { app } of [one, two]) expect(app.unread.filter(({ event }) => event === 'message')).toEqual([]);
    });
  });
});
