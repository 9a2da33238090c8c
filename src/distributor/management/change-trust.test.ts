import { describe, expect, it } from 'vitest';
import { registrationWith } from '../../../test/tools/registration.js';
import { createRuntime, silentLog } from '../../runtime.js';
import { createChannels } from '../channels.js';
import { createRegistrations } from '../registration/index.js';
import { type Registration, StoreError } from '../store/index.js';
import { createChangeTrust } from './change-trust.js';

const [a, b] = ['a', 'b'].map((letter) => letter.repeat(40)) as [string, string];
const service = 'org.example.App';

function registrationOf(letter: string, change: Partial<Registration> = {}): Registration {
  return registrationWith({
    channel: letter.repeat(27),
    token: letter,
    service,
    pin: { fingerprint: a, address: 'push@app.example', keydata: new Uint8Array([2]) },
    next: { fingerprint: b, timestamp: 5 },
    ...change,
  });
}

function createSetting(known: readonly Registration[]) {
  const channels = createChannels(known);
  const saved: Registration[] = [];
  const told: Registration[] = [];
  const refreshed: number[] = [];
  const disk = { isFull: false };
  const registrations = createRegistrations({
    address: 'alice@example.org',
    busId: 'this bus',
    channels,
    store: {
      saveRegistrations: async (given) => {
        if (disk.isFull) throw new StoreError('ERR_STORE_WRITE', 'Make room.', { disposition: 'action-required' });
        saved.push(...given);
      },
    },
    runtime: createRuntime(),
    changed: () => {},
    trustChanged: (registration) => void told.push(registration),
  });
  const changeTrust = createChangeTrust({
    channels,
    registrations,
    registrar: {
      refresh: async () => {
        refreshed.push(saved.length);
        if (disk.isFull) throw new Error('Broken.');
      },
    },
    log: silentLog,
  });
  return { channels, saved, told, refreshed, disk, changeTrust };
}

describe("the user's word on who may push", () => {
  it('goes to the memory, the disk and the courier, for all registrations of a service', async () => {
    const s = createSetting([registrationOf('c'), registrationOf('d'), registrationOf('e', { service: 'org.other' })]);
    expect(await s.changeTrust(service, b)).toEqual({
      changed: [
        { service, channel: 'cccccc' },
        { service, channel: 'dddddd' },
      ],
    });
    const changed = [
      { token: 'c', sender: b, pin: null, next: null },
      { token: 'd', sender: b, pin: null, next: null },
    ];
    for (const list of [s.saved, s.told, s.channels.live().slice(0, 2)]) expect(list).toMatchObject(changed);
    expect(s.channels.live()[2]).toMatchObject({ sender: null, pin: { fingerprint: a } });
  });

  it('leaves the key of a gateway in its place when it is reset, as no handshake would bring it back', async () => {
    const gateway = { url: 'https://push.example.org', endpoint: null, expires: null, renewAt: null, vapid: null };
    const s = createSetting([registrationOf('c', { gateway, sender: a })]);
    await s.changeTrust(service, '');
    expect(s.channels.live()).toMatchObject([{ sender: null, pin: { fingerprint: a } }]);
    await s.changeTrust(service, b);
    expect(s.channels.live()).toMatchObject([{ sender: b, pin: null }]);
  });

  it('holds for endpoints that the app had before, and may bring it another one, once it is on disk', async () => {
    const s = createSetting([registrationOf('c'), registrationOf('d', { replacedAt: 1 })]);
    await s.changeTrust(service, b);
    expect(s.channels.all()).toMatchObject([{ sender: b }, { sender: b }]);
    expect(s.refreshed).toEqual([2]);
  });

  it('keeps the key that is pinned already, but not what it has announced', async () => {
    const s = createSetting([registrationOf('c')]);
    await s.changeTrust('cccccc', a.toUpperCase());
    expect(s.saved).toMatchObject([{ sender: a, pin: { fingerprint: a }, next: null }]);
  });

  it('forgets everything on a reset, the handshake included', async () => {
    const peer = { lastSeen: 1, autocryptTimestamp: undefined, header: undefined };
    const s = createSetting([registrationOf('c', { sender: a, peer })]);
    await s.changeTrust(service, '');
    expect(s.saved).toMatchObject([{ sender: null, pin: null, next: null, peer: null }]);
  });

  it('changes nothing when the disk does not take it', async () => {
    const before = registrationOf('c');
    const s = createSetting([before]);
    s.disk.isFull = true;
    await expect(s.changeTrust(service, b)).rejects.toMatchObject({ code: 'ERR_STORE_WRITE' });
    expect(s.channels.live()).toEqual([before]);
    expect(s.told.at(-1)).toEqual(before);
  });

  it.each([
    ['an app that is not registered', 'org.example.Nobody', a],
    ['a registration that has ended', 'eeeeee', a],
    ['the beginning of a name', 'org.example', a],
    ['a fingerprint that is none', service, 'abc'],
  ])('is refused for %s', async (_, app, fingerprint) => {
    const s = createSetting([registrationOf('c'), registrationOf('e', { service: 'org.ended', retiredAt: 5 })]);
    await expect(s.changeTrust(app, fingerprint)).rejects.toMatchObject({ code: 'ERR_BUS_ARGUMENT' });
    expect(s.saved).toEqual([]);
    expect(s.told).toEqual([]);
  });
});
