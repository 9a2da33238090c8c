import { describe, expect, it } from 'vitest';
import { noon, startGateway } from '../../test/tools/gateway-fixture.js';
import { lifeSeconds } from './sealer.js';

const gone = { code: 550, text: '5.1.1 No such user' };
const push = { method: 'POST', headers: [['TTL', '60']], body: 'hello' } as const;

describe('an endpoint whose mailbox does not exist', () => {
  it('is a 410 from the first push on, without another try', async () => {
    let tries = 0;
    const onRecipient = () => {
      tries += 1;
      return gone;
    };
    const gateway = await startGateway({ smtp: { onRecipient } });
    const { path } = await gateway.register();
    for (let count = 0; count < 3; count += 1) {
      expect(await gateway.ask({ ...push, path })).toMatchObject({ status: 410, body: { errno: 106 } });
      expect(await gateway.ask({ path })).toMatchObject({ status: 410, body: { errno: 106 } });
    }
    expect(tries).toBe(1);
  });

  // It was the endpoint that was revoked, so that every seal its distributor got for it afterwards was a 410 as well.
  it('is good again once it was sealed anew, should the mailbox be back', async () => {
    let isThere = false;
    const gateway = await startGateway({ smtp: { onRecipient: () => (isThere ? undefined : gone) } });
    const alice = await gateway.register();
    expect((await gateway.ask({ ...push, path: alice.path })).status).toBe(410);
    isThere = true;
    expect((await gateway.ask({ ...push, path: alice.path })).status).toBe(410);
    gateway.setClock(noon + 86_400_000);
    const { url } = await gateway.parts.sealer.sealEndpoint(alice.mail, undefined);
    const path = new URL(url).pathname;
    expect((await gateway.ask({ path })).status).toBe(200);
    expect((await gateway.ask({ ...push, path })).status).toBe(201);
    expect((await gateway.ask({ path: alice.path })).status).toBe(410);
  });

  // It was the endpoint that was revoked for a day: an app server that was given the new seal in that day forgot it for good.
  it('is good again once it was sealed anew after a bounce, and what was sealed before stays revoked', async () => {
    const gateway = await startGateway();
    const { revocations, sealer } = gateway.parts;
    const alice = await gateway.register();
    await revocations.revokeEndpoint(alice.mail, noon / 1000 + lifeSeconds);
    expect((await gateway.ask({ ...push, path: alice.path })).status).toBe(410);
    gateway.setClock(noon + 3_600_000);
    const path = new URL((await sealer.sealEndpoint(alice.mail, undefined)).url).pathname;
    expect((await gateway.ask({ ...push, path })).status).toBe(201);
    gateway.setClock(noon + 89 * 86_400_000);
    expect((await gateway.ask({ ...push, path })).status).toBe(201);
    expect((await gateway.ask({ ...push, path: alice.path })).status).toBe(410);
  });
});
