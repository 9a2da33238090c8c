import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseSecrets, runGateway } from '../../src/gateway/index.js';
import { createRuntime, type Log } from '../../src/runtime.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { startToxicProxy, type Toxic, type ToxicProxy } from '../tools/toxic-proxy.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps, type HttpAnswer } from './https-request.js';
import { startWebPush, type WebPushSubscription, webPushRequest } from './push-library.js';

const webPush = startWebPush();

describeEachMailServer('faults around the gateway', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let stage: GatewayStage;
  let smtp: ToxicProxy;

  beforeAll(async () => {
    const server = await kind.start();
    smtp = await startToxicProxy(server.smtp);
    stage = await createGatewayStage(server, { tls: 'front', smtp });
    await stage.startGateway();
    await stage.setting.startDaemon();
  });

  afterAll(async () => {
    await stage?.stop();
    await smtp?.close();
  });

  /** What an app server does that keeps its encrypted push until it was taken. */
  async function repeat(subscription: WebPushSubscription, text: string): Promise<() => Promise<HttpAnswer>> {
    const { endpoint } = subscription;
    const request = webPushRequest(subscription, { payload: text });
    return () => askOverHttps(endpoint, request);
  }

  it('takes nothing while the SMTP server is away, says when to come again, and loses nothing', async () => {
    const app = await stage.startApp({ service: 'org.example.Down' });
    const subscription = await app.subscription();
    const push = await repeat(subscription, 'kept by the app server');
    smtp.add({ type: 'down' });
    const answer = await push();
    expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({ status: 503, code: 503, errno: 202 });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const health = await askOverHttps(`${stage.url}/health`);
    expect(health.status).toBe(503);
    smtp.clear();
    await expect.poll(async () => (await push()).status).toBe(201);
    expect((await webPush.send(subscription, { payload: 'and one more' })).status).toBe(201);
    await app.gets('kept by the app server', 'and one more');
    await expect.poll(async () => (await askOverHttps(`${stage.url}/health`)).status).toBe(200);
  });

  it('brings a push once whose 201 the app server never saw', async () => {
    const app = await stage.startApp({ service: 'org.example.Lost' });
    const subscription = await app.subscription();
    const push = await repeat(subscription, 'once');
    const answered: number[] = [];
    stage.front?.judge(async (_, status) => {
      answered.push(status);
      return 'cut';
    });
    await expect(push()).rejects.toThrow();
    expect(answered).toEqual([201]);
    stage.front?.judge(undefined);
    for (let times = 0; times < 2; times += 1) expect((await push()).status).toBe(201);
    expect((await webPush.send(subscription, { payload: 'the next' })).status).toBe(201);
    await app.gets('once', 'the next');
  });

  it('brings both of two pushes with the same text', async () => {
    const app = await stage.startApp({ service: 'org.example.Same' });
    const subscription = await app.subscription();
    for (let times = 0; times < 2; times += 1) {
      expect((await webPush.send(subscription, { payload: 'the same' })).status).toBe(201);
    }
    await app.gets('the same', 'the same');
  });

  it.each<[string, Toxic]>([
    ['cut in the middle of the mail', { type: 'limit data', bytes: 300, direction: 'upstream' }],
    ['cut in the answer to the mail', { type: 'limit data', bytes: 70, direction: 'downstream' }],
  ])('loses nothing when the line to the SMTP server is %s', async (_, toxic) => {
    const app = await stage.startApp({
      service: `org.example.Cut.${toxic.type === 'limit data' ? toxic.direction : ''}`,
    });
    const subscription = await app.subscription();
    const push = await repeat(subscription, 'through in the end');
    const before = smtp.made();
    onTestFinished(smtp.clear);
    smtp.add(toxic);
    const first = push();
    // The gateway tries again by itself, while its app server waits for the answer.
    await expect.poll(() => smtp.made()).toBeGreaterThan(before);
    smtp.clear();
    expect([201, 503]).toContain((await first).status);
    expect((await push()).status).toBe(201);
    expect((await webPush.send(subscription, { payload: 'the next' })).status).toBe(201);
    await app.gets('through in the end', 'the next');
  });

  describe('an app server that pushes too much', () => {
    it('is told when to come again, and only for that endpoint', async () => {
      // The limits of the command cannot be set lower.
      const [app, other] = [
        await stage.startApp({ service: 'org.example.Much' }),
        await stage.startApp({ service: 'org.example.Calm' }),
      ];
      const [subscription, calm] = [await app.subscription(), await other.subscription()];
      await stage.gateway.stop();
      const ending = new AbortController();
      const { front, setting } = stage;
      const log: Log['info'] = ({ event, port }) => {
        if (event === 'gateway.ready') front?.pointTo(Number(port));
      };
      const directory = join(setting.directory, 'gateway');
      const running = runGateway(
        {
          listen: { host: '127.0.0.1', port: 0 },
          publicUrl: stage.url,
          secrets: parseSecrets(await readFile(join(directory, 'gateway.secret'), 'utf8')),
          smtp: { host: smtp.host, port: smtp.port, secure: false },
          from: 'push@app.example',
          key: await readFile(join(directory, 'gateway.asc'), 'utf8'),
          version: '0',
          rates: { pushes: { points: 2, seconds: 60 }, burst: { points: 1, seconds: 60 } },
          runtime: createRuntime({ debug: log, info: log, warn: log, error: log }),
        },
        ending.signal,
      );
      onTestFinished(async () => {
        ending.abort();
        await running;
      });
      await expect.poll(async () => (await askOverHttps(subscription.endpoint)).status).toBe(200);
      const answers: HttpAnswer[] = [];
      for (const text of ['1', '2', '3', '4']) answers.push(await webPush.send(subscription, { payload: text }));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 429]);
      const refused = answers.at(-1);
      expect(JSON.parse(String(refused?.body))).toMatchObject({ code: 429, errno: 201 });
      expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
      expect((await webPush.send(calm, { payload: 'calm' })).status).toBe(201);
      await app.gets('1', '2', '3');
      await other.gets('calm');
    });
  });
});
