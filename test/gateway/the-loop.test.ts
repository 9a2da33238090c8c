import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { canRun } from '../interop/outside-program.js';
import { describeEachMailServer, type MailServerKind } from '../mail-servers/index.js';
import { openInbox } from '../system/inbox.js';
import { fillMailbox, type Letter, snapshot } from '../system/ordinary-mail.js';
import type { Daemon } from '../system/setting.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps } from './https-request.js';
import { createVapidKeys, type PushLibrary, startWebPush } from './push-library.js';
import { pywebpushIsThere, startPywebpush } from './pywebpush.js';
import type { WebPushApp } from './web-push-app.js';

const everyByte = Buffer.from(new Uint8Array(256).map((_, index) => index));
/** All that fits into 4096 bytes once encrypted (RFC 8291 §4). */
const largest = Buffer.alloc(3993, 'x');
/** The same of the draft, whose headers go in front of the body: 4096 counts for both. */
const largestOfDraft = Buffer.alloc(3800, 'y');
const vapid = createVapidKeys();

const on = ({ name }: MailServerKind): boolean => ['Dovecot behind Postfix', 'GreenMail', 'hoodiecrow'].includes(name);

describeEachMailServer('Web Push through the gateway', { on }, (kind) => {
  let stage: GatewayStage;
  let daemon: Daemon;
  let ordinary: Record<string, Letter[]>;
  const libraries: PushLibrary[] = [startWebPush()];
  const withPython = canRun('pywebpush', pywebpushIsThere, 'scripts/test-servers');
  if (withPython) libraries.push(startPywebpush());

  beforeAll(async () => {
    // With hoodiecrow HTTPS ends in a proxy before the gateway.
    stage = await createGatewayStage(await kind.start(), { tls: kind.name === 'hoodiecrow' ? 'front' : 'files' });
    await fillMailbox(stage.setting.server);
    ordinary = await snapshot(stage.setting.server);
    await stage.startGateway();
    daemon = await stage.setting.startDaemon();
  });

  afterAll(async () => {
    await Promise.all(libraries.map((library) => library.close()));
    await stage?.stop();
  });

  describe.each(['web-push', 'pywebpush'])('%s', (name) => {
    describe.each(['aes128gcm', 'aesgcm'] as const)('with %s', (coding) => {
      const library = (): PushLibrary => {
        const found = libraries.find((one) => one.name === name);
        if (found === undefined) throw new Error(`${name} is not there.`);
        return found;
      };

      it.runIf(name === 'web-push' || withPython).each([
        { protocol: 1, signed: false },
        { protocol: 2, signed: true },
      ] as const)('reaches an app of version $protocol, signed: $signed', async ({ protocol, signed }) => {
        const app = await stage.startApp({
          protocol,
          service: `org.example.App${protocol}.${name.replace('-', '')}.${coding}`,
          vapid: signed ? vapid.publicKey : undefined,
        });
        const subscription = await app.subscription();
        expect(subscription.endpoint).toMatch(new RegExp(`^${stage.url}/p/[\\w-]+$`));
        expect(subscription.endpoint.length).toBeLessThanOrEqual(512);
        const key = signed ? { vapid } : {};
        const texts = [
          Buffer.from('x'),
          Buffer.from('Grüße 🐦'),
          everyByte,
          coding === 'aesgcm' ? largestOfDraft : largest,
        ];
        for (const payload of texts) {
          const answer = await library().send(subscription, { payload, coding, ...key });
          expect(answer).toMatchObject({ status: 201, headers: { ttl: '2419200' } });
          expect(answer.headers.location).toBeTruthy();
        }
        await app.gets(...texts.map(String));
      });
    });
  });

  it('takes what RFC 8030 lets an app server say about a push, and tells what it made of the TTL', async () => {
    const app = await stage.startApp({ service: 'org.example.Options' });
    const subscription = await app.subscription();
    const texts: string[] = [];
    for (const library of libraries) {
      for (const [ttl, told] of [
        [60, '60'],
        [9_999_999, '2419200'],
      ] as const) {
        const payload = `${library.name} ${ttl}`;
        const answer = await library.send(subscription, {
          payload,
          ttl,
          urgency: 'high',
          topic: `topic-${texts.length}`,
        });
        expect(answer).toMatchObject({ status: 201, headers: { ttl: told } });
        texts.push(payload);
      }
    }
    await app.gets(...texts);
  });

  it('takes no push that is not signed by the key that the app named', async () => {
    const app = await stage.startApp({ service: 'org.example.Signed', vapid: vapid.publicKey });
    const subscription = await app.subscription();
    for (const library of libraries) {
      expect(await library.send(subscription, { payload: 'unsigned' })).toMatchObject({ status: 401 });
      const another = { payload: 'by another', vapid: createVapidKeys() };
      expect(await library.send(subscription, another)).toMatchObject({ status: 403 });
      expect(await library.send(subscription, { payload: library.name, vapid })).toMatchObject({ status: 201 });
    }
    await app.gets(...libraries.map(({ name }) => name));
  });

  it('serves several apps at once, each its own', async () => {
    const names = ['One', 'Two', 'Three', 'Four'];
    const apps = await Promise.all(
      names.map((name, index) =>
        stage.startApp({ service: `org.example.AtOnce${name}`, protocol: index % 2 === 0 ? 1 : 2 }),
      ),
    );
    const [library] = libraries;
    await Promise.all(
      apps.map(async (app, index) => {
        const subscription = await app.subscription();
        for (const text of ['first', 'second'])
          await library?.send(subscription, { payload: `${text} ${names[index]}` });
      }),
    );
    await Promise.all(apps.map((app, index) => app.gets(`first ${names[index]}`, `second ${names[index]}`)));
  });

  it('reaches an app that is made with our connector', async () => {
    const connector = await createConnector({
      service: 'org.example.Connector',
      busAddress: stage.setting.bus.address,
    });
    try {
      const registration = await connector.register({ token: 'connector' });
      const { endpoint } = registration;
      expect(endpoint.startsWith(`${stage.url}/p/`)).toBe(true);
      const { status } = await askOverHttps(endpoint, { method: 'POST', headers: { TTL: '60' }, body: 'hello' });
      expect(status).toBe(201);
      expect(await openInbox(registration).nextText()).toBe('hello');
    } finally {
      await connector.close();
    }
  });

  it('brings what was pushed while the daemon was away, once each and in order', async () => {
    const apps: readonly WebPushApp[] = [
      await stage.startApp({ service: 'org.example.Away1', protocol: 1 }),
      await stage.startApp({ service: 'org.example.Away2', protocol: 2 }),
    ];
    const subscriptions = await Promise.all(apps.map((app) => app.subscription()));
    expect(await daemon.stop()).toBe(0);
    const texts = libraries.flatMap(({ name }) => [`1 ${name}`, `2 ${name}`]);
    for (const subscription of subscriptions) {
      for (const library of libraries) {
        for (const n of [1, 2]) await library.send(subscription, { payload: `${n} ${library.name}` });
      }
    }
    daemon = await stage.setting.startDaemon();
    await Promise.all(apps.map((app) => app.gets(...texts)));
  });

  it('gives an app that names another key another endpoint, and ends the one with the old key', async () => {
    const [library] = libraries;
    const app = await stage.startApp({ service: 'org.example.NewKey', vapid: vapid.publicKey });
    const before = await app.subscription();
    expect(await library?.send(before, { payload: 'with the old key', vapid })).toMatchObject({ status: 201 });
    const next = createVapidKeys();
    await app.bus.register2({ service: app.bus.service, token: app.token, vapid: next.publicKey });
    const after = await app.subscription(before.endpoint);
    expect(await library?.send(after, { payload: 'with the new key', vapid: next })).toMatchObject({ status: 201 });
    await expect.poll(async () => (await library?.send(before, { payload: 'too late', vapid }))?.status).toBe(410);
    await expect
      .poll(() => app.texts().filter((text) => text !== 'too late'))
      .toEqual(['with the old key', 'with the new key']);
  });

  it('leaves the mailbox as it was, but for what it has brought', async () => {
    await expect.poll(() => snapshot(stage.setting.server), { timeout: 20_000 }).toEqual(ordinary);
  });
});
