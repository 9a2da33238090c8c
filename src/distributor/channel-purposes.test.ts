import { describe, expect, it } from 'vitest';
import {
  channelOf,
  createSetting,
  now,
  pushMail,
  registrationOf,
  senders,
  settled,
} from '../../test/tools/post-room-setting.js';
import type { GrantOutcome } from './grants.js';

const grantType = 'application/vnd.mailpush.grant';
const control = (change = {}) => registrationOf('g', { purpose: 'grant', token: '', service: '', ...change });
const grantMail = (id: string, signer = senders[0]) => pushMail('g', { id, signer, mediaType: grantType });

describe('a control channel', () => {
  it('gives grants, and who signed them, to whom they are for, and no app or count hears of them', async () => {
    const s = await createSetting([control(), registrationOf('a')]);
    await s.arrive(['g', await grantMail('1')], ['g', await grantMail('2', senders[1])]);
    await settled(s);
    expect(s.granted).toMatchObject([
      { registration: { channel: channelOf('g') }, signer: { address: 'one@app.example' } },
      { registration: { channel: channelOf('g') }, signer: { fingerprint: senders[1].fingerprint } },
    ]);
    expect(s.granted.map(({ payload }) => Buffer.from(payload).toString())).toEqual(['1', '2']);
    expect(s.granted[0]?.signer.keydata).toEqual(senders[0].publicKey.keydata);
    expect(s.delivered).toEqual([]);
    expect(s.channels.get(channelOf('g'))?.pin).toBeNull();
    expect([s.tally.total().ended.delivered, s.tally.lastDeliveredTo]).toEqual([0, undefined]);
  });

  it('takes the same grant once, also after a restart of its mail', async () => {
    const s = await createSetting([control()]);
    const mail = await grantMail('1');
    await s.arrive(['g', mail], ['g', mail]);
    await settled(s);
    await s.arrive(['g', mail]);
    await settled(s);
    expect(s.granted).toHaveLength(1);
  });

  it('throws away a grant that nobody asked for, and goes on', async () => {
    const s = await createSetting([control()]);
    s.grants.next = () => (s.granted.length === 1 ? 'unwanted' : 'accepted');
    await s.arrive(['g', await grantMail('1')], ['g', await grantMail('2')]);
    await settled(s);
    expect(s.granted).toHaveLength(2);
    expect(s.logged.filter((event) => event === 'push.unwanted')).toHaveLength(1);
    expect(s.tally.refusals()).toEqual([]);
  });

  it.each<[string, () => GrantOutcome]>([
    ['says so', () => 'unavailable'],
    [
      'breaks',
      () => {
        throw new Error('Broken.');
      },
    ],
  ])('gives a grant again to whom could not take it and %s, but not when its time is up', async (_, failing) => {
    const s = await createSetting([control()]);
    s.grants.next = failing;
    await s.arrive(['g', await grantMail('1')]);
    await expect.poll(() => s.time.sleepers()).toEqual([5_000]);
    s.time.pass(5_000);
    await expect.poll(() => s.granted.length).toBe(2);
    await expect.poll(() => s.time.sleepers()).toEqual([10_000]);
    s.grants.next = () => 'accepted';
    s.time.pass(10_000);
    await settled(s);
    s.grants.next = failing;
    await s.arrive(['g', await grantMail('2')]);
    await expect.poll(() => s.granted.length).toBe(4);
    s.time.pass(80 * 60_000);
    await settled(s);
    expect(s.granted).toHaveLength(4);
  });

  it('refuses the push of an app server, and the channel of an app refuses a grant', async () => {
    const s = await createSetting([control(), registrationOf('a')]);
    await s.arrive(
      ['g', await pushMail('g', { id: '1' })],
      ['a', await pushMail('a', { id: '2', mediaType: grantType })],
    );
    await settled(s);
    expect([s.granted, s.delivered]).toEqual([[], []]);
    expect(s.tally.refusals()).toEqual([
      { reason: 'It is the grant of a gateway, and its channel is one of an app.', count: 1 },
    ]);
  });

  it('gives nothing more once it is retired', async () => {
    const s = await createSetting([control({ retiredAt: now })]);
    await s.arrive(['g', await grantMail('1')]);
    await settled(s);
    expect(s.granted).toEqual([]);
  });
});

describe('a channel that another one has replaced', () => {
  const old = (change = {}) =>
    registrationOf('b', { token: 'a', service: 'org.example.a', replacedAt: now, ...change });

  it('still delivers to its app, as the app wants it by now', async () => {
    const s = await createSetting([old({ protocol: 1 }), registrationOf('a', { protocol: 2 })]);
    await s.arrive(['b', await pushMail('b', { id: '1' })], ['a', await pushMail('a', { id: '2' })]);
    await settled(s);
    expect(s.delivered.sort()).toEqual(['a 1 1', 'a 2 2']);
    expect(s.protocols).toEqual([2, 2]);
  });

  it('delivers to nobody but its own app, whoever has its token now', async () => {
    const s = await createSetting([old({ protocol: 1 }), registrationOf('a', { service: 'org.example.Other' })]);
    await s.arrive(['b', await pushMail('b', { id: '1' })]);
    await settled(s);
    expect([s.services, s.protocols]).toEqual([['org.example.a'], [1]]);
  });

  it('is tried at once when its app appears', async () => {
    const s = await createSetting([old(), registrationOf('a')]);
    s.answers.next = () => (s.delivered.length < 2 ? 'unreachable' : 'accepted');
    await s.arrive(['b', await pushMail('b', { id: '1' })]);
    await expect.poll(() => s.time.sleepers()).toEqual([5_000]);
    s.room.appAppeared('org.example.a');
    await settled(s);
    expect(s.delivered).toHaveLength(2);
  });

  it('delivers nothing more once it is retired', async () => {
    const s = await createSetting([old(), registrationOf('a')]);
    s.channels.put(old({ retiredAt: now }));
    s.room.registrationChanged(old({ retiredAt: now }));
    await s.arrive(['b', await pushMail('b', { id: '1' })]);
    await settled(s);
    expect(s.delivered).toEqual([]);
  });
});
