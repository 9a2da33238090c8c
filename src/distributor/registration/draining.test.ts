import { describe, expect, it } from 'vitest';
import { createSetting, full, requestOf, restarted } from '../../../test/tools/registrar-setting.js';
import { registrationWith } from '../../../test/tools/registration.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { limits } from '../../notify-spec/index.js';
import type { Pin } from '../delivery/index.js';
import type { Endpoints } from '../endpoints.js';
import { createHousekeeping } from '../housekeeping.js';
import type { GatewayEndpoint, Registration } from '../store/index.js';

const pin: Pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const bob = { address: 'bob@example.org' };

/** An app that had an endpoint at alice's and has one at bob's now. */
async function movedApp(request = requestOf()) {
  const { after } = await restarted(bob, [request]);
  await after.registrar.refresh();
  const [[old], [live]] = [after.channels.draining(), after.channels.live()];
  if (old === undefined || live === undefined) throw new Error('It was not moved.');
  return { ...after, old, live };
}

describe('a channel that was replaced', () => {
  it('and the one in its place are written together', async () => {
    const { old, live, writes, changed } = await movedApp();
    expect(writes).toEqual([[old.channel, live.channel]]);
    expect(changed).toEqual([old, live]);
  });

  it('is the current one still when the disk does not take both', async () => {
    const { after } = await restarted(bob, [requestOf()]);
    after.disk.isFull = true;
    await expect(after.registrar.refresh()).rejects.toBe(full);
    expect(after.channels.all()).toMatchObject([{ address: 'alice@example.org', replacedAt: null }]);
    after.disk.isFull = false;
    await after.registrar.refresh();
    expect([after.channels.draining().length, after.channels.live().length]).toEqual([1, 1]);
  });

  it('goes on draining over restarts, and nobody is told anything again', async () => {
    const directory = await temporaryDirectory();
    const first = await createSetting({}, directory);
    await first.registrar.register(':1.5', requestOf());
    await first.store.close();
    const second = await createSetting(bob, directory);
    await second.registrar.refresh();
    second.hear();
    await second.store.close();
    const third = await createSetting(bob, directory);
    await third.registrar.refresh();
    expect(third.channels.draining()).toEqual(second.channels.draining());
    expect(third.channels.live()).toEqual(second.channels.live());
    expect([third.told, third.writes]).toEqual([[], []]);
    await third.store.close();
    const back = await createSetting({}, directory);
    await back.registrar.refresh();
    expect(back.channels.live()).toMatchObject([{ address: 'alice@example.org' }]);
    expect(
      back.channels
        .draining()
        .map(({ address }) => address)
        .sort(),
    ).toEqual(['alice@example.org', bob.address]);
  });

  it('ends together with the current one when its app unregisters, in one write', async () => {
    const { registrar, channels, old, live, writes, told } = await movedApp();
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(true);
    expect(channels.all().every(({ retiredAt }) => retiredAt !== null)).toBe(true);
    expect(writes.at(-1)).toEqual([live.channel, old.channel]);
    expect(told.at(-1)).toBe('org.example.App token gone true');
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(true);
    expect(writes).toHaveLength(2);
  });

  it('drains on when its app cannot be unregistered because the disk is full', async () => {
    const { registrar, channels, disk, old, live } = await movedApp();
    disk.isFull = true;
    await expect(registrar.unregister(':1.5', 'token')).rejects.toBe(full);
    expect([channels.draining(), channels.live()]).toEqual([[old], [live]]);
  });

  it('is not touched when its app registers again, and is not what is told', async () => {
    const { registrar, channels, old, live, told } = await movedApp();
    await registrar.register(':1.5', requestOf({ protocol: 1, description: 'Diary', vapid: 'C'.repeat(87) }));
    expect(channels.draining()).toEqual([old]);
    expect(channels.live()).toMatchObject([{ channel: live.channel, description: 'Diary' }]);
    expect(told.at(-1)).toContain(live.channel);
  });

  it('ends when the connection of an app without a name does, at once or found gone after a restart', async () => {
    const nameless = requestOf({ service: ':1.5' });
    const ending = await movedApp(nameless);
    await ending.registrar.connectionGone(':1.5');
    expect(ending.channels.all().every(({ retiredAt }) => retiredAt !== null)).toBe(true);
    expect(ending.writes.at(-1)).toHaveLength(2);
    const gone = await movedApp(nameless);
    gone.owners.delete(':1.5');
    await gone.registrar.refresh();
    expect(gone.channels.all().every(({ retiredAt }) => retiredAt !== null)).toBe(true);
    expect(gone.writes.at(-1)).toHaveLength(2);
  });

  it('ends 28 days later, and its key is forgotten 29 days after that', async () => {
    const { registrations, channels, store, time, old, live } = await movedApp();
    const housekeeping = createHousekeeping({
      channels,
      registrations,
      store,
      forget: channels.delete,
      runtime: time.runtime,
    });
    const ending = new AbortController();
    const run = housekeeping.run(ending.signal);
    const dayMs = 24 * 60 * 60_000;
    const stages: string[] = [];
    for (let day = 0; day < 60; day += 1) {
      await expect.poll(() => time.sleepers(), { interval: 1 }).toEqual([dayMs]);
      const known = channels.get(old.channel);
      stages.push(known === undefined ? 'forgotten' : known.retiredAt === null ? 'drains' : 'retired');
      time.pass(dayMs);
    }
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect([stages.indexOf('retired'), stages.indexOf('forgotten')]).toEqual([28, 57]);
    expect(await store.registrations()).toEqual([live]);
    ending.abort();
    await run;
  });

  it('does not count against what an app may register', async () => {
    const { registrar, channels, old } = await movedApp();
    for (let index = 0; index < 1000; index += 1) channels.put({ ...old, channel: `${index}`, token: `${index}` });
    expect((await registrar.register(':1.5', requestOf({ token: 'other' }))).ok).toBe(true);
  });

  it('belongs to its app alone: another one with its token gets a channel of its own, and cannot end it', async () => {
    const { registrar, registrations, channels, old, live } = await movedApp();
    await registrations.retire(live.channel);
    const other = requestOf({ service: 'org.example.Other' });
    expect((await registrar.register(':1.6', other)).ok).toBe(true);
    expect((await registrar.unregister(':1.6', 'token')).ok).toBe(true);
    expect(channels.draining()).toEqual([old]);
  });

  it('is ended by its app also when the record of the one in its place is lost', async () => {
    const { registrar, channels, live } = await movedApp();
    channels.delete(live.channel);
    expect((await registrar.unregister(':1.6', 'token')).ok).toBe(false);
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(true);
    expect(channels.draining()).toEqual([]);
  });

  it('takes its place again when the record of the one that replaced it is lost', async () => {
    const { registrar, channels, old, live, told } = await movedApp();
    channels.delete(live.channel);
    await registrar.refresh();
    const [again] = channels.live();
    expect(again).toMatchObject({ address: bob.address, token: 'token' });
    expect(channels.draining().map(({ channel }) => channel)).toEqual([old.channel]);
    expect(told.at(-1)).toContain(again?.channel);
  });
});

describe('a gateway', () => {
  const url = 'https://push.example.org';
  const none: GatewayEndpoint = { url, endpoint: null, expires: null, renewAt: null, vapid: null };
  /** Endpoints of this gateway, for apps that do not name their sender; sealed ones as soon as they are there. */
  const through = (gateway: GatewayEndpoint): Endpoints => ({
    gatewayFor: ({ sender }) => (sender === null ? gateway : null),
    endpointOf: async (registration) =>
      registration.gateway === null ? `mailto:${registration.channel}` : (registration.gateway.endpoint ?? undefined),
  });

  it('has its endpoint told when it is there, and an app that names its sender gets the mailto: one', async () => {
    const { registrar, registrations, channels, told } = await createSetting({ endpoints: through(none) });
    await registrar.register(':1.5', requestOf({ token: 'web' }));
    await registrar.register(':1.5', requestOf({ token: 'mail', sender: 'f'.repeat(40) }));
    const [web, mail] = channels.live();
    expect(web?.gateway).toEqual(none);
    expect(mail?.gateway).toBeNull();
    expect(told.splice(0)).toEqual([`org.example.App mail v2 mailto:${mail?.channel}`]);
    if (web === undefined) throw new Error('It is not registered.');
    await registrar.register(':1.5', requestOf({ token: 'web' }));
    expect(told).toEqual([]);
    await registrations.save({ ...web, gateway: { ...none, endpoint: `${url}/p/x`, expires: 1, renewAt: 0 } });
    await registrar.register(':1.5', requestOf({ token: 'web' }));
    expect(told).toEqual([`org.example.App web v2 ${url}/p/x`]);
  });

  it('is left by an app that begins to name its sender, and what still comes from it is delivered', async () => {
    const { registrar, channels, told, writes } = await createSetting({ endpoints: through(none) });
    await registrar.register(':1.5', requestOf());
    const [before] = channels.live();
    if (before === undefined) throw new Error('It is not registered.');
    channels.put({ ...before, pin });
    const named = requestOf({ sender: 'f'.repeat(40), description: 'Diary' });
    expect((await registrar.register(':1.5', named)).ok).toBe(true);
    const [live] = channels.live();
    expect(live).toMatchObject({ sender: 'f'.repeat(40), description: 'Diary', gateway: null, pin: null });
    expect(channels.draining()).toMatchObject([{ channel: before.channel, sender: null, pin }]);
    expect(writes.at(-1)).toEqual([before.channel, live?.channel]);
    expect(told).toEqual([`org.example.App token v2 mailto:${live?.channel}`]);
    expect((await registrar.register(':1.5', named)).ok).toBe(true);
    expect(channels.live()).toEqual([live]);
    const other = { ok: false, refusal: { reason: 'UNAUTHORIZED' } };
    expect(await registrar.register(':1.5', requestOf({ sender: 'e'.repeat(40) }))).toMatchObject(other);
  });

  it('that is new, another one or none any more means new channels, and the former control channel ends', async () => {
    const directory = await temporaryDirectory();
    const urlsAfter = async (endpoints: Endpoints | undefined): Promise<(string | undefined)[][]> => {
      const s = await createSetting(endpoints === undefined ? {} : { endpoints }, directory);
      await s.registrar.register(':1.5', requestOf({ token: 'named', sender: 'f'.repeat(40) }));
      await s.registrar.refresh();
      await s.registrar.register(':1.5', requestOf());
      const control = { purpose: 'grant', token: '', service: '', gateway: none } as const;
      const channel = s.channels.controls()[0]?.channel ?? Buffer.alloc(limits.channelBytes).toString('base64url');
      if (endpoints !== undefined) await s.registrations.save(registrationWith({ channel, ...control }));
      const urlsOf = (all: readonly Registration[]) => all.map(({ gateway }) => gateway?.url).sort();
      const found = [s.channels.live(), s.channels.draining(), s.channels.controls()].map(urlsOf);
      await s.store.close();
      return found;
    };
    expect(await urlsAfter(undefined)).toEqual([[undefined, undefined], [], []]);
    expect(await urlsAfter(through(none))).toEqual([[url, undefined], [undefined], [url]]);
    expect(await urlsAfter(through(none))).toEqual([[url, undefined], [undefined], [url]]);
    expect(await urlsAfter(undefined)).toEqual([[undefined, undefined], [url, undefined], []]);
  });

  it("'s control channel is found by no token and by no service", async () => {
    const { registrar, channels, told } = await createSetting();
    const control = registrationWith({ channel: 'g', purpose: 'grant', token: '', service: '', gateway: none });
    channels.put(control);
    expect((await registrar.unregister(':1.5', '')).ok).toBe(false);
    await registrar.connectionGone('');
    channels.put({ ...control, retiredAt: 1 });
    expect((await registrar.unregister(':1.5', '')).ok).toBe(false);
    channels.put(control);
    expect([channels.live(), channels.draining(), channels.controls()]).toEqual([[], [], [control]]);
    expect(told).toEqual([]);
  });
});
