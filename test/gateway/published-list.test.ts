import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusError, errorNames } from '../../src/dbus/index.js';
import { describeEachMailServer, type MailServerKind } from '../mail-servers/index.js';
import type { Daemon } from '../system/setting.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps, type HttpAnswer } from './https-request.js';
import { createVapidKeys, type Push, startWebPush, webPushRequest } from './push-library.js';
import type { WebPushApp } from './web-push-app.js';

// What autopush, Mozilla's Web Push service, is tested for in its integration tests, by the names there. Which of them do not
// apply to a gateway in front of mail, and why, is in docs/standards.md.

const on = ({ name }: MailServerKind): boolean => ['Dovecot', 'hoodiecrow'].includes(name);
const webPush = startWebPush();
const vapid = createVapidKeys();
let apps = 0;

describeEachMailServer("autopush's list of tests", { on }, (kind) => {
  let stage: GatewayStage;
  let daemon: Daemon;

  beforeAll(async () => {
    stage = await createGatewayStage(await kind.start());
    await stage.startGateway();
    daemon = await stage.setting.startDaemon();
  });

  afterAll(async () => {
    await stage?.stop();
  });

  /** An app of its own, by its name for the bus. */
  async function startApp(key?: string): Promise<WebPushApp> {
    apps += 1;
    return await stage.startApp({ service: `org.example.Listed${apps}`, vapid: key });
  }

  async function push(app: WebPushApp, payload: string, more: Omit<Push, 'payload'> = {}): Promise<HttpAnswer> {
    return await webPush.send(await app.subscription(), { payload, ...more });
  }

  /** Pushes, says that it has come this far, and that nothing else has come. */
  async function getsOnly(app: WebPushApp, ...texts: readonly string[]): Promise<void> {
    expect((await push(app, 'the last')).status).toBe(201);
    await app.gets(...texts, 'the last');
  }

  async function restartDaemon(meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
    expect(await daemon.stop()).toBe(0);
    await meanwhile();
    daemon = await stage.setting.startDaemon();
  }

  it('test_basic_delivery, test_topic_basic_delivery: a push comes, with a topic too', async () => {
    const app = await startApp();
    expect((await push(app, 'plain')).status).toBe(201);
    expect((await push(app, 'of a topic', { topic: 'Inbox' })).status).toBe(201);
    await getsOnly(app, 'plain', 'of a topic');
  });

  it('test_topic_replacement_delivery, test_topic_no_delivery_on_reconnect: the later of a topic comes, and once', async () => {
    const app = await startApp();
    await app.subscription();
    await restartDaemon(async () => {
      for (const text of ['earlier', 'later']) {
        expect((await push(app, text, { topic: 'Inbox' })).status).toBe(201);
      }
    });
    await app.gets('later');
    await restartDaemon();
    await getsOnly(app, 'later');
  });

  describe('test_basic_delivery_with_vapid, test_with_key', () => {
    it('takes the push that is signed with the key of the registration, and no other', async () => {
      const app = await startApp(vapid.publicKey);
      expect((await push(app, 'signed', { vapid })).status).toBe(201);
      expect((await push(app, 'not signed')).status).toBe(401);
      expect((await push(app, 'by another', { vapid: createVapidKeys() })).status).toBe(403);
      await expect(push(app, 'signed again', { vapid })).resolves.toMatchObject({ status: 201 });
      await app.gets('signed', 'signed again');
    });

    // test_basic_delivery_with_invalid_vapid, …_vapid_exp, …_vapid_auth, …_signature, …_vapid_ckey
    it.each<[string, number, (authorization: string) => string]>([
      ['no token', 401, () => ''],
      ['another scheme', 401, () => 'Basic YWxpY2U6c2VjcmV0'],
      ['a key that is none', 403, (header) => header.replace(/k=[\w-]+/, 'k=invalid|')],
      ['another signature', 403, (header) => header.replace(/(t=[\w-]+\.[\w-]+\.)[\w-]{4}/, '$1AAAA')],
      ['claims that are none', 403, (header) => header.replace(/(t=[\w-]+\.)[\w-]+/, '$1QA')],
    ])('takes no push with %s', async (_, status, change) => {
      const app = await startApp(vapid.publicKey);
      const subscription = await app.subscription();
      const { headers, ...request } = webPushRequest(subscription, { payload: 'x', vapid });
      const Authorization = change(String(headers.Authorization));
      const answer = await askOverHttps(subscription.endpoint, { ...request, headers: { ...headers, Authorization } });
      expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({ status, code: status, errno: 109 });
    });
  });

  it('test_with_bad_key: takes no registration with a key that is none', async () => {
    const app = await startApp();
    const reply = await app.bus.register2({ service: app.bus.service, token: 'bad key', vapid: 'af1883%&!@#*(' });
    expect(reply).toMatchObject({ success: 'REGISTRATION_FAILED' });
  });

  it('test_delivery_repeat_without_ack and its kin: what an app does not accept comes again, and nothing else', async () => {
    const app = await startApp();
    await app.subscription();
    let isRefusing = true;
    app.bus.answer = async (member) => {
      if (!isRefusing || member !== 'Message' || app.texts().at(-1) !== 'refused') return [{}];
      throw new BusError('ERR_MESSAGE_REFUSED', 'Not now', { errorName: errorNames.failed });
    };
    for (const text of ['accepted', 'refused']) expect((await push(app, text)).status).toBe(201);
    await expect.poll(() => app.texts().slice(0, 3)).toEqual(['accepted', 'refused', 'refused']);
    await restartDaemon(async () => {
      isRefusing = false;
    });
    expect((await push(app, 'next')).status).toBe(201);
    await expect
      .poll(() =>
        app
          .texts()
          .slice(3)
          .filter((text, index, all) => all[index - 1] !== text),
      )
      .toEqual(['refused', 'next']);
  });

  it('test_no_delivery_to_unregistered: the app server is told that the app is gone', async () => {
    const app = await startApp();
    expect((await push(app, 'first')).status).toBe(201);
    await app.gets('first');
    await app.unregister();
    await expect
      .poll(async () => {
        const { status, body } = await push(app, 'too late');
        return { status, errno: status === 410 ? JSON.parse(body).errno : 0 };
      })
      .toEqual({ status: 410, errno: 106 });
    expect(app.texts()).toEqual(['first']);
  });

  it('test_ttl_0_connected: a push that is for now or never comes now', async () => {
    const app = await startApp();
    expect(await push(app, 'now', { ttl: 0 })).toMatchObject({ status: 201, headers: { ttl: '0' } });
    await getsOnly(app, 'now');
  });

  describe('test_message_without_crypto_headers', () => {
    it('hands on a body of which nothing says how it is encrypted, as it is', async () => {
      const app = await startApp();
      const { endpoint } = await app.subscription();
      const answer = await askOverHttps(endpoint, { method: 'POST', headers: { TTL: 60 }, body: 'plain text' });
      expect(answer.status).toBe(201);
      await expect.poll(() => app.bus.messages(app.token)).toEqual(['plain text']);
    });

    it('takes no body of the draft without its headers', async () => {
      const { endpoint } = await (await startApp()).subscription();
      const headers = { TTL: 60, 'Content-Encoding': 'aesgcm' };
      const answer = await askOverHttps(endpoint, { method: 'POST', headers, body: 'x'.repeat(100) });
      expect(JSON.parse(answer.body)).toMatchObject({ code: 400, errno: 110 });
    });

    // autopush hands on an empty message; UnifiedPush has none (a message has 1 to 4096 bytes).
    it.each([{}, { 'Content-Encoding': 'aes128gcm' }])(
      'test_empty_message_…: takes no empty body: %o',
      async (headers) => {
        const { endpoint } = await (await startApp()).subscription();
        const answer = await askOverHttps(endpoint, { method: 'POST', headers: { TTL: 60, ...headers }, body: '' });
        expect(JSON.parse(answer.body)).toMatchObject({ code: 400, errno: 110 });
      },
    );
  });

  it('test_big_message: takes 4096 bytes and no more', async () => {
    const app = await startApp();
    const largest = 'x'.repeat(3993);
    expect((await push(app, largest)).status).toBe(201);
    const answer = await push(app, `${largest}x`);
    expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({ status: 413, errno: 104 });
    await getsOnly(app, largest);
  });

  it('test_delete_saved_notification: what was taken cannot be taken back, and is not listed', async () => {
    const app = await startApp();
    const { headers } = await push(app, 'taken');
    const location = new URL(String(headers.location), stage.url).href;
    for (const method of ['DELETE', 'GET']) {
      expect(await askOverHttps(location, { method })).toMatchObject({ status: 405 });
    }
    await getsOnly(app, 'taken');
  });

  it('test_internal_endpoints: there is nothing but what is documented, and never a redirect', async () => {
    const { endpoint } = await (await startApp()).subscription();
    for (const [method, path, status] of [
      ['PUT', '/notif/0123456789abcdef0123456789abcdef', 404],
      ['GET', '/', 404],
      ['GET', '/status', 404],
      ['PUT', new URL(endpoint).pathname, 405],
      ['GET', `${new URL(endpoint).pathname}/`, 404],
    ] as const) {
      const answer = await askOverHttps(`${stage.url}${path}`, { method });
      expect([method, path, answer.status]).toEqual([method, path, status]);
      expect(JSON.parse(answer.body)).toMatchObject({ code: status, errno: status });
    }
  });
});
