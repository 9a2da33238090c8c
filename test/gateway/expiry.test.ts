import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEachMailServer } from '../mail-servers/index.js';
import { shiftedClock } from '../tools/shifted-clock.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps } from './https-request.js';
import { startWebPush } from './push-library.js';

const webPush = startWebPush();
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

// Gateway and daemon are the real commands; only their clock is ahead.
describeEachMailServer('time and the gateway', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let stage: GatewayStage;

  beforeAll(async () => {
    stage = await createGatewayStage(await kind.start());
  });

  afterAll(async () => {
    await stage?.stop();
  });

  it('test_ttl_expired, test_ttl_0_not_connected, test_topic_expired, test_ttl_batch_…: only what is live comes', async () => {
    await stage.startGateway();
    const daemon = await stage.setting.startDaemon();
    const app = await stage.startApp({ service: 'org.example.Expired' });
    const subscription = await app.subscription();
    expect(await daemon.stop()).toBe(0);
    const send = async (payload: string, ttl?: number, topic?: string): Promise<void> => {
      const more = { ...(ttl !== undefined && { ttl }), ...(topic !== undefined && { topic }) };
      expect((await webPush.send(subscription, { payload, ...more })).status).toBe(201);
    };
    for (const index of [1, 2, 3]) await send(`good ${index}`);
    await send('for now or never', 0);
    await send('of a topic', 1, 'topic');
    for (const index of [1, 2, 3]) await send(`for a second ${index}`, 1);
    await send('good at last');
    // A push has a minute to be under way, and ten more for clocks that differ.
    const later = await stage.setting.startDaemon({ environment: shiftedClock(12 * minuteMs) });
    const live = ['good 1', 'good 2', 'good 3', 'good at last'];
    await app.gets(...live);
    await send('of a topic again', undefined, 'topic');
    await app.gets(...live, 'of a topic again');
    expect(await later.stop()).toBe(0);
    expect(await stage.gateway.stop()).toBe(0);
  });

  it('renews endpoints in time, and what was sealed for 90 days is over after that', async () => {
    const at = async (days: number): Promise<() => Promise<void>> => {
      const environment = shiftedClock(days * dayMs);
      const gateway = await stage.startGateway(environment);
      const daemon = await stage.setting.startDaemon({ environment });
      return async () => {
        expect(await daemon.stop()).toBe(0);
        expect(await gateway.stop()).toBe(0);
      };
    };
    let stop = await at(1);
    const app = await stage.startApp({ service: 'org.example.Renewed' });
    const first = await app.subscription();
    await stop();

    stop = await at(70);
    await app.register();
    const second = await app.subscription(first.endpoint);
    for (const [subscription, payload] of [
      [first, 'to the first'],
      [second, 'to the second'],
    ] as const) {
      expect((await webPush.send(subscription, { payload })).status).toBe(201);
    }
    await app.gets('to the first', 'to the second');
    await stop();

    stop = await at(95);
    expect(await webPush.send(first, { payload: 'too late' })).toMatchObject({ status: 410 });
    expect(JSON.parse((await askOverHttps(first.endpoint)).body)).toMatchObject({ code: 410, errno: 103 });
    expect((await webPush.send(second, { payload: 'still good' })).status).toBe(201);
    await app.gets('to the first', 'to the second', 'still good');
    await stop();
  });
});
