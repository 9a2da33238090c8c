import { describe, expect, it } from 'vitest';
import { createSetting, full, requestOf } from '../../../test/tools/registrar-setting.js';
import type { Pin } from '../delivery/index.js';

const pin: Pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
const other: Pin = { ...pin, fingerprint: 'b'.repeat(40) };
const gateway = { url: 'https://push.example.org', endpoint: null, expires: null, renewAt: null, vapid: null };

async function withOne() {
  const s = await createSetting();
  await s.registrar.register(':1.5', requestOf());
  const [one] = s.channels.live();
  if (one === undefined) throw new Error('It is not registered.');
  s.writes.splice(0);
  return { ...s, one };
}

describe('a pin that is set', () => {
  it('is known to the courier before it is on disk, and on disk when the promise resolves', async () => {
    const { registrations, store, channels, trusted, disk, one } = await withOne();
    const pinned = { ...one, pin, gateway };
    disk.beforeWrite = () => expect([trusted, channels.get(one.channel)]).toEqual([[pinned], pinned]);
    await registrations.saveTrust(pinned);
    expect(await store.registrations()).toEqual([pinned]);
  });

  it('is taken back when the disk does not take it, whatever else has changed meanwhile', async () => {
    const { registrations, channels, trusted, disk, one } = await withOne();
    disk.isFull = true;
    disk.beforeWrite = () => {
      const known = channels.get(one.channel);
      if (known !== undefined) channels.put({ ...known, description: 'Diary', pin: other });
    };
    await expect(registrations.saveTrust({ ...one, pin, gateway, isTold: !one.isTold })).rejects.toBe(full);
    const restored = { ...one, description: 'Diary' };
    expect([channels.get(one.channel), trusted.at(-1)]).toEqual([restored, restored]);
  });
});

describe('replacing a channel', () => {
  it('keeps what pushes have taught about its sender', async () => {
    const { registrations, channels, one } = await withOne();
    channels.put({ ...one, pin });
    const made = await registrations.make(one);
    expect(made).toMatchObject({ token: one.token, service: one.service, pin: null, replacedAt: null });
    expect(await registrations.replace(one.channel, made)).toBe(true);
    expect(channels.draining()).toMatchObject([{ channel: one.channel, pin }]);
    expect(channels.live()).toEqual([made]);
  });

  it.each(['replaced', 'retired', 'forgotten'])('that was %s meanwhile changes nothing', async (what) => {
    const { registrations, channels, writes, one } = await withOne();
    const made = await registrations.make(one);
    if (what === 'replaced') await registrations.replace(one.channel, await registrations.make(one));
    else if (what === 'retired') await registrations.retire(one.channel);
    else channels.delete(one.channel);
    const [all, count] = [channels.all(), writes.length];
    expect(await registrations.replace(one.channel, made)).toBe(false);
    expect([channels.all(), writes.length]).toEqual([all, count]);
  });
});

describe('ending channels', () => {
  it('ends once what is there, in one write, and writes nothing when there is nothing', async () => {
    const { registrations, registrar, channels, writes, one, time } = await withOne();
    await registrar.register(':1.5', requestOf({ token: 'two' }));
    const all = channels.live().map(({ channel }) => channel);
    await registrations.retire(...all, 'nobody');
    expect(writes.at(-1)).toEqual(all);
    const { retiredAt } = channels.get(one.channel) ?? {};
    time.pass(5);
    await registrations.retire(one.channel, 'nobody');
    await registrations.retire();
    expect([channels.get(one.channel)?.retiredAt, writes.length]).toEqual([retiredAt, 2]);
  });
});

describe('turns', () => {
  it('come one after another, also after one that has failed', async () => {
    const { registrations } = await withOne();
    const done: string[] = [];
    const failed = registrations.inTurn(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done.push('first');
      throw full;
    });
    const next = registrations.inTurn(async () => done.push('second'));
    await expect(failed).rejects.toBe(full);
    await next;
    expect(done).toEqual(['first', 'second']);
  });
});
