import { describe, expect, it } from 'vitest';
import { createGatewayClientSetting, service } from '../../../test/tools/gateway-client-setting.js';
import { type ScriptedGateway, startScriptedGateway } from '../../../test/tools/scripted-gateway.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';

const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const vapid = (letter: string): string => letter.repeat(87);
const requests = (gateway: ScriptedGateway, what: string) => gateway.asked.filter(({ request }) => request === what);
const revoked = (gateway: ScriptedGateway) =>
  requests(gateway, 'DELETE /v1/endpoints').map(({ body }) => body.endpoint);

/** A gateway that has granted, and whose answers to the next requests are given by hand. */
async function grantedSetting(directory?: string) {
  const gateway = await startScriptedGateway(pin.fingerprint);
  const s = await createGatewayClientSetting(gateway.url, directory);
  await s.begin();
  await expect.poll(() => gateway.nonce()).toBeDefined();
  expect(await s.grant(gateway, pin)).toBe('accepted');
  return { ...s, gateway };
}

/** Holds the answers to these requests back until they are let go. */
function hold(gateway: ScriptedGateway, what: string): () => void {
  const { status } = gateway;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  gateway.status = async (request) => {
    if (request === what) await released;
    return await status(request);
  };
  return release;
}

describe('an app that unregisters', () => {
  it('while its endpoint is being sealed is told of none, and it is revoked', async () => {
    const s = await grantedSetting();
    const release = hold(s.gateway, 'POST /v1/endpoints');
    await s.register('token');
    await expect.poll(() => requests(s.gateway, 'POST /v1/endpoints').length).toBe(1);
    await s.registrar.unregister(':1.5', 'token');
    release();
    await expect.poll(() => revoked(s.gateway)).toEqual([`${s.gateway.url}/p/1`]);
    expect(s.told).toEqual([]);
  });

  it('while the disk is full has its endpoint revoked when it has unregistered', async () => {
    const s = await grantedSetting();
    const release = hold(s.gateway, 'POST /v1/endpoints');
    await s.register('token');
    await expect.poll(() => requests(s.gateway, 'POST /v1/endpoints').length).toBe(1);
    s.disk.isFull = true;
    release();
    await expect(s.registrar.unregister(':1.5', 'token')).rejects.toThrow('Full.');
    expect(s.told).toEqual([]);
    s.disk.isFull = false;
    await expect.poll(() => s.told).toEqual([`${s.gateway.url}/p/1`]);
    await s.registrar.unregister(':1.5', 'token');
    await expect.poll(() => revoked(s.gateway)).toEqual([`${s.gateway.url}/p/1`]);
    await expect
      .poll(async () => (await s.store.registrations()).map(({ gateway }) => gateway?.endpoint))
      .toEqual([null, null]);
  });

  it('and registers again at once gets another endpoint', async () => {
    const s = await grantedSetting();
    await s.register('token');
    await expect.poll(() => s.told.length).toBe(1);
    await Promise.all([s.registrar.unregister(':1.5', 'token'), s.register('token')]);
    await expect.poll(() => s.told).toEqual([`${s.gateway.url}/p/1`, `${s.gateway.url}/p/2`]);
    await expect.poll(() => revoked(s.gateway)).toEqual([`${s.gateway.url}/p/1`]);
  });
});

describe('an app that names another VAPID key', () => {
  it('while its endpoint is being sealed is told only of the one with the last key', async () => {
    const s = await grantedSetting();
    const release = hold(s.gateway, 'POST /v1/endpoints');
    await s.register('token', { vapid: vapid('B') });
    await expect.poll(() => requests(s.gateway, 'POST /v1/endpoints').length).toBe(1);
    await s.register('token', { vapid: vapid('C') });
    release();
    await expect.poll(() => s.told).toEqual([`${s.gateway.url}/p/2`]);
    expect(requests(s.gateway, 'POST /v1/endpoints').at(-1)?.body.vapid).toBe(vapid('C'));
    await expect.poll(() => revoked(s.gateway)).toEqual([`${s.gateway.url}/p/1`]);
    await s.register('token', { vapid: vapid('C') });
    expect(s.told.at(-1)).toBe(`${s.gateway.url}/p/2`);
    await s.register('token');
    await expect.poll(() => s.told.at(-1)).toBe(`${s.gateway.url}/p/3`);
    expect(requests(s.gateway, 'POST /v1/endpoints').at(-1)?.body.vapid).toBeUndefined();
  });
});

describe('a grant', () => {
  it('that the disk does not take is not used, and taken when it comes again', async () => {
    const gateway = await startScriptedGateway(pin.fingerprint);
    const s = await createGatewayClientSetting(gateway.url);
    await s.begin();
    await s.register('token');
    await expect.poll(() => gateway.nonce()).toBeDefined();
    s.disk.isFull = true;
    expect(await s.grant(gateway, pin)).toBe('unavailable');
    expect(await s.grant(gateway, pin)).toBe('unavailable');
    expect(requests(gateway, 'POST /v1/endpoints')).toEqual([]);
    s.disk.isFull = false;
    expect(await s.grant(gateway, pin)).toBe('accepted');
    await expect.poll(() => s.told).toEqual([`${gateway.url}/p/1`]);
  });

  it('that was taken just before a crash is taken once more, and used', async () => {
    const directory = await temporaryDirectory();
    const s = await grantedSetting(directory);
    await s.end();
    const again = await createGatewayClientSetting(s.gateway.url, directory);
    await again.begin();
    const [registration] = s.channels.controls();
    if (registration === undefined) throw new Error('There is no control channel.');
    const payload = Buffer.from(
      JSON.stringify({ version: 1, gateway: s.gateway.url, nonce: s.gateway.nonce(), grant: 'granted', expires: 9e9 }),
    );
    expect(await again.client.take({ registration, payload, signer: pin })).toBe('accepted');
    await again.register('token');
    await expect.poll(() => again.told).toEqual([`${s.gateway.url}/p/1`]);
    expect(requests(s.gateway, 'POST /v1/grants')).toHaveLength(1);
  });
});

describe('another gateway in the configuration', () => {
  it('gives other endpoints, and what unregisters is revoked at both', async () => {
    const directory = await temporaryDirectory();
    const s = await grantedSetting(directory);
    await s.register('token');
    await expect.poll(() => s.told.length).toBe(1);
    await s.end();
    const gateway = await startScriptedGateway('c'.repeat(40));
    const moved = await createGatewayClientSetting(gateway.url, directory);
    await moved.begin();
    await expect.poll(() => gateway.nonce()).toBeDefined();
    expect(moved.told).toEqual([]);
    const other = { ...pin, fingerprint: 'c'.repeat(40) };
    expect(await moved.grant(gateway, other)).toBe('accepted');
    await expect.poll(() => moved.told).toEqual([`${gateway.url}/p/1`]);
    expect(moved.channels.draining()).toMatchObject([{ pin }]);
    expect(moved.channels.live()).toMatchObject([{ pin: other }]);
    await moved.registrar.unregister(':1.5', 'token');
    await expect
      .poll(() => [revoked(s.gateway), revoked(gateway)])
      .toEqual([[`${s.gateway.url}/p/1`], [`${gateway.url}/p/1`]]);
    await moved.end();
    const without = await createGatewayClientSetting(undefined, directory);
    await without.begin();
    await without.register('token');
    expect(without.told).toEqual([expect.stringMatching(/^mailto:/)]);
    expect(without.channels.controls()).toEqual([]);
  });
});

describe('a gateway that is away', () => {
  it('is not waited for by registrations, all of which get their endpoints when it is back', async () => {
    const gateway = await startScriptedGateway(pin.fingerprint);
    const { status } = gateway;
    gateway.status = () => 0;
    const s = await createGatewayClientSetting(gateway.url);
    await s.begin();
    for (const token of ['a', 'b', 'c']) expect((await s.register(token)).ok).toBe(true);
    await expect.poll(() => requests(gateway, 'POST /v1/grants').length).toBeGreaterThan(2);
    gateway.status = status;
    await expect.poll(async () => s.grant(gateway, pin).catch(() => 'none')).toBe('accepted');
    await expect.poll(() => new Set(s.told).size).toBe(3);
    expect(s.told).toHaveLength(3);
    await s.changeTrust(service, '');
    expect(s.channels.live().map((one) => one.pin)).toEqual([pin, pin, pin]);
  });
});

it('tells an app after the next start of the endpoint that it has not heard of', async () => {
  const directory = await temporaryDirectory();
  const s = await grantedSetting(directory);
  s.app.isUp = false;
  await s.register('token');
  await expect.poll(() => s.told).toEqual([`${s.gateway.url}/p/1`]);
  await s.end();
  const again = await createGatewayClientSetting(s.gateway.url, directory);
  await again.begin();
  await expect.poll(() => again.told).toEqual([`${s.gateway.url}/p/1`]);
  await again.end();
});
