import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crashPoints, readEffects } from '../crash/effects.js';
import { describeEachMailServer, type TestMailServer } from '../mail-servers/index.js';
import type { Daemon } from '../system/setting.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps } from './https-request.js';
import { startWebPush, webPushRequest } from './push-library.js';
import { type SmtpRelay, startSmtpRelay } from './smtp-relay.js';

const webPush = startWebPush();
const crashPoint = new URL('../crash/crash-point.js', import.meta.url).href;

describeEachMailServer('crashes around the gateway', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let server: TestMailServer;
  let smtp: SmtpRelay;
  let stage: GatewayStage;
  let daemon: Daemon;

  beforeAll(async () => {
    server = await kind.start();
    smtp = await startSmtpRelay(server.smtp);
    stage = await createGatewayStage(server, { tls: 'front', smtp });
    await stage.startGateway();
  });

  afterAll(async () => {
    await stage?.stop();
    await smtp?.stop();
  });

  it('of the daemon before it hears that its grant was mailed, and after: the grant is taken all the same', async () => {
    const { front } = stage;
    const killed = new Promise<void>((resolve) => {
      front?.judge(async ({ path }) => {
        if (path !== '/v1/grants') return 'pass';
        await daemon.kill();
        resolve();
        return 'cut';
      });
    });
    daemon = await stage.setting.startDaemon();
    const app = await stage.startApp({ service: 'org.example.Granted' });
    await killed;
    front?.judge(undefined);
    daemon = await stage.setting.startDaemon();
    const subscription = await app.subscription();
    expect((await webPush.send(subscription, { payload: 'granted' })).status).toBe(201);
    await app.gets('granted');
  });

  it('of the gateway between the 250 of the SMTP server and its own 201: the push comes, once', async () => {
    const app = await stage.startApp({ service: 'org.example.Killed' });
    const subscription = await app.subscription();
    const request = webPushRequest(subscription, { payload: 'once' });
    smtp.beforeNextAccepted(() => stage.gateway.kill());
    expect((await askOverHttps(subscription.endpoint, request)).status).toBe(502);
    await app.gets('once');
    await stage.startGateway();
    expect((await askOverHttps(subscription.endpoint, request)).status).toBe(201);
    expect((await webPush.send(subscription, { payload: 'the next' })).status).toBe(201);
    await app.gets('once', 'the next');
  });

  it('of the daemon while an endpoint is sealed, before it hears of it: the app gets one that works', async () => {
    const { front } = stage;
    let kills = 0;
    const killed = new Promise<void>((resolve) => {
      front?.judge(async ({ path }) => {
        if (path !== '/v1/endpoints' || kills > 0) return 'pass';
        kills += 1;
        await daemon.kill();
        resolve();
        return 'cut';
      });
    });
    const app = await stage.startApp({ service: 'org.example.Sealed' });
    await killed;
    expect(app.endpoints()).toEqual([]);
    daemon = await stage.setting.startDaemon();
    const subscription = await app.subscription();
    expect((await webPush.send(subscription, { payload: 'sealed' })).status).toBe(201);
    await app.gets('sealed');
    expect(new Set(app.endpoints()).size).toBe(1);
  });

  it('of the daemon while it tells the app its endpoint: the app is told again, the same', async () => {
    const app = await stage.startApp({ service: 'org.example.Told' });
    await app.subscription();
    const second = await stage.startApp({ service: 'org.example.ToldToo' });
    second.bus.answer = async (member) => {
      if (member === 'NewEndpoint') await daemon.kill();
      return [{}];
    };
    await second.subscription();
    await daemon.ended;
    second.bus.answer = async () => [{}];
    daemon = await stage.setting.startDaemon();
    await second.register();
    await expect.poll(() => second.endpoints().length).toBeGreaterThan(1);
    const subscription = await second.subscription();
    expect(new Set(second.endpoints()).size).toBe(1);
    expect((await webPush.send(subscription, { payload: 'told' })).status).toBe(201);
    await second.gets('told');
  });

  it('of the daemon at any of its effects on disk and bus while an app gets its endpoint', {
    timeout: 90_000,
  }, async () => {
    expect(await daemon.stop()).toBe(0);
    const place = (name: string): string => join(stage.setting.directory, name);
    const setScene = (scene: string, crashAt?: string): Promise<void> =>
      writeFile(place('scene.json'), JSON.stringify({ scene, crashAt }));
    let starts = 0;
    const startWatched = async (): Promise<Daemon> => {
      starts += 1;
      const environment = {
        NODE_OPTIONS: `--import ${crashPoint}`,
        MAILPUSH_EFFECTS: place(`effects-${starts}`),
        MAILPUSH_SCENE: place('scene.json'),
      };
      return await stage.setting.startDaemon({ environment });
    };
    await setScene('start');
    daemon = await startWatched();
    await setScene('example');
    const example = await stage.startApp({ service: 'org.example.Example' });
    await example.subscription();
    await daemon.stop();
    const effects = readEffects(place('effects-1')).filter(({ scene }) => scene === 'example');
    const told = effects.findLastIndex(({ name }) => name.includes('NewEndpoint'));
    const points = crashPoints(effects.slice(0, told + 1)).filter((point) => /^\w+ (store|bus)/.test(point));
    expect(points.length).toBeGreaterThan(5);

    await setScene('start');
    daemon = await startWatched();
    for (const [index, point] of points.entries()) {
      const app = await stage.startApp({ service: `org.example.Crash${index}`, registers: false });
      await setScene(point, point);
      await app.register().catch(() => {});
      expect([point, await daemon.ended]).toEqual([point, 'SIGKILL']);
      await setScene('start');
      daemon = await startWatched();
      // As apps do when the distributor has gone and come back.
      await app.register();
      const subscription = await app.subscription();
      expect((await webPush.send(subscription, { payload: point })).status).toBe(201);
      await app.gets(point);
      expect([point, new Set(app.endpoints()).size]).toEqual([point, 1]);
    }
  });
});
