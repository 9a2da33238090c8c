import { describe, expect, it } from 'vitest';
import { createSetting, full, requestOf, restarted } from '../../../test/tools/registrar-setting.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { parseEndpoint } from '../../notify-spec/index.js';
import type { Pin } from '../delivery/index.js';
import type { Registration } from '../store/index.js';
import type { RegisterRequest } from './request.js';

const pin: Pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const unauthorized = { ok: false, refusal: { reason: 'UNAUTHORIZED' } };

describe('registering', () => {
  it('makes a channel with its key, on disk before anybody hears of it, and tells the endpoint', async () => {
    const { registrar, store, channels, told, changed } = await createSetting();
    expect(await registrar.register(':1.5', requestOf({ vapid: 'B'.repeat(87) }))).toEqual({
      ok: true,
      value: undefined,
    });
    const [registration] = channels.live();
    expect(registration).toMatchObject({
      service: 'org.example.App',
      token: 'token',
      protocol: 2,
      description: 'Notes',
      vapid: 'B'.repeat(87),
      address: 'alice@example.org',
      busId: null,
      retiredAt: null,
      sender: null,
      pin: null,
      next: null,
      peer: null,
    });
    expect(await store.registrations()).toEqual([registration]);
    expect(changed).toEqual([registration]);
    const endpoint = told[0]?.split(' ').at(-1) ?? '';
    expect(told).toEqual([`org.example.App token v2 ${endpoint}`]);
    expect(parseEndpoint(endpoint)).toMatchObject({ address: 'alice@example.org', channel: registration?.channel });
  });

  it('twice at once with one token makes one channel, whose endpoint is told twice', async () => {
    const { registrar, store, told } = await createSetting();
    await Promise.all([
      registrar.register(':1.5', requestOf({ protocol: 1 })),
      registrar.register(':1.5', requestOf({ protocol: 2, description: 'again' })),
    ]);
    expect(await store.registrations()).toMatchObject([{ token: 'token', description: 'again', protocol: 2 }]);
    expect(new Set(told.map((line) => line.split(' ').at(-1))).size).toBe(1);
    expect(told).toHaveLength(2);
  });

  it('again changes what the app says of itself and keeps channel, key and pin', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf());
    const [before] = channels.live();
    if (before === undefined) throw new Error('It is not registered.');
    channels.put({ ...before, pin });
    await registrar.register(':1.5', requestOf({ protocol: 1, description: 'Diary', vapid: 'C'.repeat(87) }));
    expect(channels.live()).toEqual([{ ...before, pin, protocol: 1, description: 'Diary', vapid: 'C'.repeat(87) }]);
  });

  it('with the token of another service is refused, and changes nothing', async () => {
    const { registrar, store, told } = await createSetting();
    await registrar.register(':1.5', requestOf());
    const before = await store.registrations();
    expect(await registrar.register(':1.6', requestOf({ service: 'org.example.Other' }))).toMatchObject(unauthorized);
    expect(await store.registrations()).toEqual(before);
    expect(told).toHaveLength(1);
  });

  it.each<[string, string, Partial<RegisterRequest>]>([
    ["another program's service", ':1.6', {}],
    ['a service that nobody owns', ':1.5', { service: 'org.example.Nobody' }],
    ['the distributor itself', ':1.5', { service: 'org.unifiedpush.Distributor.mailpush' }],
    ["another program's connection", ':1.5', { service: ':1.6' }],
    ['a connection that has ended', ':1.77', { service: ':1.77' }],
  ])('for %s is refused, and nothing is stored', async (_, sender, change) => {
    const { registrar, store, channels, told } = await createSetting();
    expect(await registrar.register(sender, requestOf(change))).toMatchObject(unauthorized);
    expect([channels.all(), await store.registrations(), told]).toEqual([[], [], []]);
  });

  it('is possible for an app that the bus can start', async () => {
    const { registrar, channels } = await createSetting();
    expect((await registrar.register(':1.6', requestOf({ service: 'org.example.Started' }))).ok).toBe(true);
    expect(channels.live()).toHaveLength(1);
  });

  it('is refused where the user allows none', async () => {
    const { registrar, channels } = await createSetting({ policy: 'deny' });
    expect(await registrar.register(':1.5', requestOf())).toMatchObject(unauthorized);
    expect(channels.all()).toEqual([]);
  });

  it('that breaks a limit is refused before the bus is asked for anything', async () => {
    const nobody = (): never => {
      throw new Error('The bus was asked.');
    };
    const bus = { uniqueName: ':1.2', nameOwner: nobody, listActivatableNames: nobody };
    const { registrar } = await createSetting({ bus });
    const refused = { ok: false, refusal: { reason: 'INTERNAL_ERROR' } };
    expect(await registrar.register(':1.5', requestOf({ token: 'x'.repeat(101) }))).toMatchObject(refused);
  });

  it('leaves nothing behind when the disk takes nothing, and works when it does again', async () => {
    const { registrar, store, channels, told, changed, disk } = await createSetting();
    disk.isFull = true;
    await expect(registrar.register(':1.5', requestOf())).rejects.toBe(full);
    expect([channels.all(), told, changed, await store.registrations()]).toEqual([[], [], [], []]);
    disk.isFull = false;
    expect((await registrar.register(':1.5', requestOf())).ok).toBe(true);
  });

  it('again leaves everything as it was when the disk takes nothing, but for a pin that came meanwhile', async () => {
    const { registrar, channels, disk } = await createSetting();
    await registrar.register(':1.5', requestOf());
    const [before] = channels.live();
    if (before === undefined) throw new Error('It is not registered.');
    disk.isFull = true;
    disk.beforeWrite = () => {
      const now = channels.get(before.channel);
      if (now !== undefined) channels.put({ ...now, pin });
    };
    await expect(registrar.register(':1.5', requestOf({ description: 'Diary' }))).rejects.toBe(full);
    expect(channels.live()).toEqual([{ ...before, pin }]);
  });

  it('for an address that is too long for an endpoint is refused, and nothing is stored', async () => {
    const address = `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}.example`;
    const { registrar, store, channels, told } = await createSetting({ address });
    const refused = { ok: false, refusal: { reason: 'ACTION_REQUIRED' } };
    expect(await registrar.register(':1.5', requestOf())).toMatchObject(refused);
    expect([channels.all(), await store.registrations(), told]).toEqual([[], [], []]);
  });

  it('is bounded for each service and for all together', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf());
    const [one] = channels.live();
    if (one === undefined) throw new Error('It is not registered.');
    const fill = (count: number, change: (index: number) => Partial<Registration>): void => {
      for (let index = 0; index < count; index += 1) {
        channels.put({ ...one, channel: `${index} of ${count}`, token: `${index} of ${count}`, ...change(index) });
      }
    };
    const tooMany = { ok: false, refusal: { reason: 'ACTION_REQUIRED' } };
    const other = requestOf({ service: 'org.example.Other', token: 'other' });
    fill(99, () => ({}));
    expect(await registrar.register(':1.5', requestOf({ token: 'one more' }))).toMatchObject(tooMany);
    expect((await registrar.register(':1.5', requestOf())).ok).toBe(true);
    fill(900, (index) => ({ service: `org.example.Many${index}` }));
    expect(await registrar.register(':1.6', other)).toMatchObject(tooMany);
    for (const registration of channels.live().slice(500)) channels.put({ ...registration, retiredAt: 1 });
    expect((await registrar.register(':1.6', other)).ok).toBe(true);
  });
});

describe('an app that names its sender', () => {
  it('is heard', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf({ sender: 'F'.repeat(40) }));
    expect(channels.live()).toMatchObject([{ sender: 'f'.repeat(40) }]);
  });

  it('again may name the same, or none, but no other', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf({ sender: 'f'.repeat(40) }));
    expect((await registrar.register(':1.5', requestOf({ sender: 'F'.repeat(40) }))).ok).toBe(true);
    expect((await registrar.register(':1.5', requestOf())).ok).toBe(true);
    expect(await registrar.register(':1.5', requestOf({ sender: 'e'.repeat(40) }))).toMatchObject(unauthorized);
    expect(channels.live()).toMatchObject([{ sender: 'f'.repeat(40) }]);
  });

  it('only when another is pinned already is refused', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf());
    for (const one of channels.live()) channels.put({ ...one, pin });
    expect(await registrar.register(':1.5', requestOf({ sender: 'e'.repeat(40) }))).toMatchObject(unauthorized);
    expect((await registrar.register(':1.5', requestOf({ sender: pin.fingerprint }))).ok).toBe(true);
  });
});

describe('unregistering', () => {
  it('retires the channel, keeps its key and pin, and tells the app', async () => {
    const { registrar, store, channels, told } = await createSetting();
    await registrar.register(':1.5', requestOf());
    const [before] = channels.live();
    if (before === undefined) throw new Error('It is not registered.');
    channels.put({ ...before, pin });
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(true);
    expect(channels.live()).toEqual([]);
    expect(await store.registrations()).toEqual([{ ...before, pin, retiredAt: expect.any(Number) }]);
    expect(told.at(-1)).toBe('org.example.App token gone true');
  });

  it('by another than the service is refused', async () => {
    const { registrar, channels } = await createSetting();
    await registrar.register(':1.5', requestOf());
    expect(await registrar.unregister(':1.6', 'token')).toMatchObject(unauthorized);
    expect(channels.live()).toHaveLength(1);
  });

  it('an unknown token is refused', async () => {
    const { registrar, told } = await createSetting();
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(false);
    expect(told).toEqual([]);
  });

  it('once more is confirmed once more, in case the first confirmation was lost, and changes nothing', async () => {
    const { registrar, channels, told } = await createSetting();
    await registrar.register(':1.5', requestOf());
    await registrar.unregister(':1.5', 'token');
    const before = channels.all();
    expect(await registrar.unregister(':1.6', 'token')).toMatchObject(unauthorized);
    expect((await registrar.unregister(':1.5', 'token')).ok).toBe(true);
    expect(channels.all()).toEqual(before);
    expect(told.slice(1)).toEqual(['org.example.App token gone true', 'org.example.App token gone true']);
  });

  it('leaves the registration as it was when the disk takes nothing', async () => {
    const { registrar, channels, told, disk } = await createSetting();
    await registrar.register(':1.5', requestOf());
    disk.isFull = true;
    await expect(registrar.unregister(':1.5', 'token')).rejects.toBe(full);
    expect(channels.live()).toHaveLength(1);
    expect(told).toHaveLength(1);
  });

  it('and registering again makes another channel with another key', async () => {
    const { registrar, channels, told } = await createSetting();
    await registrar.register(':1.5', requestOf());
    await registrar.unregister(':1.5', 'token');
    await registrar.register(':1.5', requestOf());
    const [old, live] = channels.all();
    expect(old?.channel).not.toBe(live?.channel);
    expect(old?.key).not.toEqual(live?.key);
    expect(told[0]).not.toBe(told[2]);
    expect(channels.withToken('token')).toEqual(live);
  });
});

describe('an app without a name', () => {
  const nameless = requestOf({ service: ':1.5' });

  it('is registered until its connection ends', async () => {
    const { registrar, channels, told } = await createSetting();
    await registrar.register(':1.5', nameless);
    expect(channels.live()).toMatchObject([{ service: ':1.5', busId: 'this bus' }]);
    await registrar.connectionGone(':1.6');
    expect(channels.live()).toHaveLength(1);
    await registrar.connectionGone(':1.5');
    expect(channels.live()).toEqual([]);
    expect(told).toHaveLength(1);
  });

  it('that ends right after its call leaves no registration that never ends', async () => {
    const { registrar, channels, owners } = await createSetting();
    const registering = registrar.register(':1.5', nameless);
    owners.delete(':1.5');
    await Promise.all([registering, registrar.connectionGone(':1.5')]);
    expect(channels.live()).toEqual([]);
  });
});

describe('after a restart', () => {
  it('everything is as it was, and nobody is told anything', async () => {
    const { before, after } = await restarted({}, [requestOf(), requestOf({ token: 'n', service: ':1.5' })]);
    await after.registrar.refresh();
    const byToken = (a: Registration, b: Registration): number => a.token.localeCompare(b.token);
    expect([...after.channels.all()].sort(byToken)).toEqual([...before.channels.all()].sort(byToken));
    expect(after.told).toEqual([]);
  });

  it('an app is told its endpoint that has not heard of it, until it has', async () => {
    const directory = await temporaryDirectory();
    const before = await createSetting({}, directory);
    await before.registrar.register(':1.5', requestOf());
    await before.store.close();
    const after = await createSetting({}, directory);
    await after.registrar.refresh();
    expect(after.told).toEqual(before.told);
    after.hear();
    await after.store.close();
    const later = await createSetting({}, directory);
    await later.registrar.refresh();
    expect(later.told).toEqual([]);
  });

  it('a connection is gone that is not on the bus, or was on another bus', async () => {
    const nameless = requestOf({ service: ':1.5' });
    const otherBus = (await restarted({ busId: 'another bus' }, [nameless])).after;
    await otherBus.registrar.refresh();
    expect(otherBus.channels.live()).toEqual([]);
    const sameBus = (await restarted({}, [nameless])).after;
    sameBus.owners.delete(':1.5');
    await sameBus.registrar.refresh();
    expect(sameBus.channels.live()).toEqual([]);
  });

  it('with another address every app gets another endpoint, and the old channel drains', async () => {
    const request = requestOf({ sender: 'f'.repeat(40), vapid: 'B'.repeat(87) });
    const { after } = await restarted({ address: 'bob@example.org' }, [request]);
    await after.registrar.refresh();
    const [old] = after.channels.draining();
    const [live] = after.channels.live();
    expect(old).toMatchObject({
      address: 'alice@example.org',
      token: 'token',
      replacedAt: expect.any(Number),
      retiredAt: null,
    });
    expect(live).toMatchObject({ ...request, address: 'bob@example.org', retiredAt: null, pin: null });
    expect(live?.channel).not.toBe(old?.channel);
    expect(after.told).toEqual([expect.stringMatching(/^org\.example\.App token v2 mailto:bob@example\.org\?/)]);
    const onDisk = await after.store.registrations();
    expect(onDisk).toHaveLength(2);
    expect(onDisk).toEqual(expect.arrayContaining([old, live]));
  });

  it('with another address and a full disk no app loses its registration', async () => {
    const { after } = await restarted({ address: 'bob@example.org' }, [requestOf()]);
    after.disk.isFull = true;
    await expect(after.registrar.refresh()).rejects.toBe(full);
    expect(after.channels.live()).toMatchObject([{ address: 'alice@example.org' }]);
    expect(after.told).toEqual([]);
  });
});
