import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/notify-spec/index.js';
import { generateKey } from '../../src/sender/index.js';
import { describeEachMailServer, type TestMailServer } from '../mail-servers/index.js';
import { createSetting, type Daemon, type Setting, writeConfig } from '../system/setting.js';
import { freePort } from '../tools/free-port.js';
import { forge, forgeKey, notify, targetOf } from '../trust/forge.js';
import { startGatewayProcess, writeGatewayConfig } from './gateway-process.js';
import { createGatewayStage, type GatewayStage, gatewayLines, statusOf } from './gateway-stage.js';
import { postJson } from './https-request.js';
import { startWebPush } from './push-library.js';
import { startWebPushApp } from './web-push-app.js';

const webPush = startWebPush();

describeEachMailServer('between gateway and daemon', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let server: TestMailServer;
  let stage: GatewayStage;
  let daemon: Daemon;

  beforeAll(async () => {
    server = await kind.start();
    stage = await createGatewayStage(server, { tls: 'front' });
  });

  afterAll(async () => {
    await stage?.stop();
  });

  /** What the daemon has told the gateway: the last body that was posted to this path. */
  function postedTo(path: string): Record<string, string> {
    const posted = stage.front?.passed.filter((one) => one.path === path && one.method === 'POST').at(-1);
    return JSON.parse(String(posted?.body)) as Record<string, string>;
  }

  async function mails(): Promise<number> {
    return (await server.snapshot()).INBOX?.length ?? 0;
  }

  it('gives an app that registered before the gateway could be reached its endpoint as soon as it can be', async () => {
    daemon = await stage.setting.startDaemon();
    const app = await stage.startApp({ service: 'org.example.Early' });
    await expect.poll(async () => (await statusOf(stage.setting)).problems).toHaveLength(1);
    const [problem] = (await statusOf(stage.setting)).problems;
    expect(problem?.sentence).toContain('localhost');
    expect(app.endpoints()).toEqual([]);
    await stage.startGateway();
    const subscription = await app.subscription();
    expect((await webPush.send(subscription, { payload: 'at last' })).status).toBe(201);
    await app.gets('at last');
    await expect.poll(async () => (await statusOf(stage.setting)).problems).toEqual([]);
  });

  describe('a grant that nobody asked for', () => {
    let control: string;
    let asked: string;

    beforeAll(() => {
      ({ endpoint: control = '', nonce: asked = '' } = postedTo('/v1/grants'));
    });

    it.each([
      ['a nonce of its own', () => 'AAAAAAAAAAAAAAAAAAAAAA'],
      ['the nonce of the request that was answered', () => asked],
    ])('is refused and removed: forged, with %s', async (_, nonce) => {
      const key = await forgeKey(await generateKey({ address: 'push@app.example', now: Date.now() }));
      const target = await targetOf(control);
      const payload = JSON.stringify({
        version: 1,
        gateway: stage.url,
        nonce: nonce(),
        grant: 'A'.repeat(100),
        expires: Math.floor(Date.now() / 1000) + 3600,
      });
      const inner = {
        'Content-Type': 'application/vnd.mailpush.grant; hp="cipher"',
        'Email-Notify': notify(target, randomUUID()),
      };
      const { raw } = await forge(target, key, { payload, inner });
      await server.append('INBOX', raw);
      await daemon.logged('push.unwanted');
      await expect.poll(mails).toBe(0);
    });

    it('is refused and removed: of another gateway, and of this one for another nonce', async () => {
      const port = await freePort();
      const publicUrl = `https://localhost:${port}`;
      const directory = join(stage.setting.directory, 'foreign');
      const config = await writeGatewayConfig({ directory, publicUrl, port, smtp: server.smtp, tls: true });
      const foreign = await startGatewayProcess(config);
      // Limits in memory end with the gateway.
      await stage.gateway.stop();
      await stage.startGateway();
      try {
        for (const url of [publicUrl, stage.url]) {
          const answer = await postJson(`${url}/v1/grants`, { endpoint: control, nonce: 'A'.repeat(22) });
          expect(answer.status).toBe(202);
          await daemon.logged('push.unwanted');
          await expect.poll(mails).toBe(0);
        }
      } finally {
        await foreign.stop();
      }
    });

    it('changes nothing: what was granted still is, and apps get their endpoints here', async () => {
      const app = await stage.startApp({ service: 'org.example.After' });
      const subscription = await app.subscription();
      expect(subscription.endpoint.startsWith(`${stage.url}/p/`)).toBe(true);
      expect((await webPush.send(subscription, { payload: 'as before' })).status).toBe(201);
      await app.gets('as before');
    });
  });

  it('takes no push on the channel of a sealed endpoint but those of the gateway, from the first on', async () => {
    const app = await stage.startApp({ service: 'org.example.Pinned' });
    const subscription = await app.subscription();
    const { endpoint } = postedTo('/v1/endpoints');
    expect(parseEndpoint(String(endpoint)).address).toBe(server.address);
    await stage.setting.sender.send(String(endpoint), 'forged');
    expect((await daemon.logged('push.refused')).reason).toMatch(/^It is signed by \w{40}, pinned is \w{40}\.$/);
    expect((await webPush.send(subscription, { payload: 'genuine' })).status).toBe(201);
    await app.gets('genuine');
    await expect.poll(mails).toBe(0);
  });

  it('lets two daemons share a mailbox: the second waits for its grant, and each brings its own', async () => {
    const first = await stage.startApp({ service: 'org.example.First' });
    const setting: Setting = await createSetting(server, gatewayLines(stage.url));
    try {
      let second = await setting.startDaemon();
      const app = await startWebPushApp(setting.bus.address, { service: 'org.example.Second' });
      await expect
        .poll(() => stage.front?.passed.filter(({ path }) => path === '/v1/grants').length, { timeout: 20_000 })
        .toBeGreaterThan(1);
      await expect.poll(async () => (await statusOf(setting)).problems).toHaveLength(1);
      expect(app.endpoints()).toEqual([]);
      await second.stop();
      // As if an hour had gone by: limits in memory end with the gateway, and pauses with the daemon.
      await stage.gateway.stop();
      await stage.startGateway();
      second = await setting.startDaemon();
      const [one, two] = [await first.subscription(), await app.subscription()];
      await Promise.all([
        webPush.send(one, { payload: 'to the first' }),
        webPush.send(two, { payload: 'to the second' }),
      ]);
      await Promise.all([first.gets('to the first'), app.gets('to the second')]);
      await expect.poll(mails).toBe(0);
      await app.close();
    } finally {
      await setting.stop();
    }
  });

  it('gives apps other endpoints when the gateway is another, and brings what still comes to the old ones', async () => {
    const app = await stage.startApp({ service: 'org.example.Moved' });
    const before = await app.subscription();
    const port = await freePort();
    const publicUrl = `https://localhost:${port}`;
    const directory = join(stage.setting.directory, 'next');
    const config = await writeGatewayConfig({ directory, publicUrl, port, smtp: server.smtp, tls: true });
    const next = await startGatewayProcess(config);
    try {
      expect(await daemon.stop()).toBe(0);
      await writeConfig(stage.setting.directory, server, gatewayLines(publicUrl));
      daemon = await stage.setting.startDaemon();
      const after = await app.subscription(before.endpoint);
      expect(after.endpoint.startsWith(`${publicUrl}/p/`)).toBe(true);
      expect((await webPush.send(before, { payload: 'to the old one' })).status).toBe(201);
      expect((await webPush.send(after, { payload: 'to the new one' })).status).toBe(201);
      await expect.poll(() => [...app.texts()].sort()).toEqual(['to the new one', 'to the old one']);
    } finally {
      await next.stop();
    }
  });
});
