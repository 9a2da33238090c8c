import { describe, expect, it } from 'vitest';
import { createGatewayClientSetting, service } from '../../../test/tools/gateway-client-setting.js';
import { startScriptedGateway } from '../../../test/tools/scripted-gateway.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';

const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const other = 'b'.repeat(40);

/** An app that has an endpoint of a gateway. */
async function sealedApp(directory?: string) {
  const gateway = await startScriptedGateway(pin.fingerprint);
  const s = await createGatewayClientSetting(gateway.url, directory);
  await s.begin();
  await s.register('token');
  await expect.poll(() => gateway.nonce()).toBeDefined();
  expect(await s.grant(gateway, pin)).toBe('accepted');
  await expect.poll(() => s.told).toEqual([`${gateway.url}/p/1`]);
  expect(s.channels.live()).toMatchObject([{ pin, gateway: { endpoint: `${gateway.url}/p/1` } }]);
  return { ...s, gateway };
}

describe('an app behind a gateway', () => {
  it('gets the mailto: endpoint when its user lets another key push, and one of the gateway when not any more', async () => {
    const s = await sealedApp();
    await s.changeTrust(service, other);
    expect(s.told.at(-1)).toMatch(/^mailto:/);
    expect(s.channels.live()).toMatchObject([{ sender: other, pin: null, gateway: null }]);
    expect(s.channels.draining()).toMatchObject([{ sender: other, pin: null }]);
    await s.changeTrust(service, '');
    await expect.poll(() => s.told.at(-1)).toBe(`${s.gateway.url}/p/2`);
    expect(s.channels.live()).toMatchObject([{ sender: null, pin }]);
    expect(s.told).toHaveLength(3);
  });

  it('keeps its endpoint when its user names the key of the gateway, also over a restart', async () => {
    const directory = await temporaryDirectory();
    const s = await sealedApp(directory);
    await s.changeTrust(service, pin.fingerprint);
    await s.changeTrust(service, '');
    await s.changeTrust(service, pin.fingerprint);
    const [before] = s.channels.live();
    await s.end();
    const again = await createGatewayClientSetting(s.gateway.url, directory);
    await again.begin();
    expect([...again.channels.live(), ...again.channels.draining()]).toEqual([
      { ...before, sender: pin.fingerprint, pin },
    ]);
    expect([s.told.length, again.told]).toEqual([1, []]);
  });

  it('has its user obeyed while its endpoint is just being sealed', async () => {
    const s = await sealedApp();
    let answer = (_: number): void => {};
    s.gateway.status = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await s.register('two');
    await expect.poll(() => s.gateway.asked.at(-1)?.request).toBe('POST /v1/endpoints');
    await expect.poll(() => s.gateway.asked.filter(({ request }) => request === 'POST /v1/endpoints').length).toBe(2);
    await s.changeTrust(service, other);
    s.gateway.status = () => 204;
    answer(201);
    await expect.poll(() => s.gateway.asked.filter(({ request }) => request.startsWith('DELETE')).length).toBe(1);
    expect(s.channels.live()).toMatchObject([
      { sender: other, gateway: null },
      { sender: other, gateway: null },
    ]);
    expect(s.told.filter((endpoint) => endpoint.endsWith('/p/2'))).toEqual([]);
  });

  it('has its channel pinned anew if the pin was lost, as the gateway would be a stranger to it', async () => {
    const s = await sealedApp();
    const [one] = s.channels.live();
    if (one === undefined) throw new Error('It is not registered.');
    await s.registrations.saveTrust({ ...one, pin: null });
    await expect.poll(() => s.channels.live()[0]?.pin).toEqual(pin);
  });

  it('that names its own sender is told the mailto: endpoint at once', async () => {
    const s = await sealedApp();
    await s.register('mail', { sender: other });
    expect(s.told.at(-1)).toMatch(/^mailto:/);
    expect(s.gateway.asked.filter(({ request }) => request === 'POST /v1/endpoints')).toHaveLength(1);
  });
});
