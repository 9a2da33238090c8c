import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatChannel, innerMediaTypes, isAddress } from '../../notify-spec/index.js';
import { type Expected, type Inside, judge, type OpenedMail, type Signer } from './judge.js';
import { nobody, type Pin, type Trust } from './trust.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const noon = Date.UTC(2026, 10, 2, 12);
const channel = 'c'.repeat(27);
const grantType = 'application/vnd.mailpush.grant';

const keyOf = (letter: string, address = 'push@app.example'): Pin => ({
  fingerprint: letter.repeat(40),
  address,
  keydata: new Uint8Array([1]),
});
const good = keyOf('a');
const bad = keyOf('b');
const pinnedTo = (pin: Pin): Trust => ({ pin, next: undefined });
const signedBy = (signer: Pin): Signer => ({ state: 'valid', signer });
const unknown: Signer = { state: 'unknown-signer', keyId: 'b'.repeat(16) };
const invalid: Signer = { state: 'invalid', reason: 'It does not hold.' };

type Entity = Extract<Inside, { kind: 'entity' }>;

function entityOf(change: Partial<Omit<Entity, 'push'>> & { push?: Partial<Entity['push']> } = {}): Entity {
  const push = { channel, id: 'x', timestamp: noon / second, ttlSeconds: 3600, urgency: 'normal' as const };
  return {
    kind: 'entity',
    from: 'push@app.example',
    to: 'alice@example.org',
    mediaType: 'application/octet-stream',
    payload: new Uint8Array([1]),
    ...change,
    push: { ...push, ...change.push },
  };
}

const expectedOf = (change: Partial<Expected> = {}): Expected => ({
  channel,
  purpose: 'app',
  address: 'alice@example.org',
  trust: pinnedTo(good),
  sender: undefined,
  retired: false,
  wasDelivered: () => false,
  lastOfTopic: () => undefined,
  message: { folder: 'INBOX', uidValidity: '7', uid: 5 },
  now: noon,
  ...change,
});

const mail = (inside: Inside = entityOf(), signature = signedBy(good)): OpenedMail => ({
  kind: 'opened',
  signature,
  inside,
  handshake: { header: undefined, hasOneFrom: true, isReport: false },
});
const kindOf = (opened: OpenedMail, expected: Partial<Expected> = {}): string =>
  judge(opened, expectedOf(expected)).kind;
const pushed = (push: Partial<Entity['push']>): OpenedMail => mail(entityOf({ push }));

describe('the verdict on a mail', () => {
  it('that is a push of the pinned sender is that it is to be delivered, with all that the app and the store need', () => {
    const payload = new Uint8Array([7, 0, 255]);
    const push = { id: 'id-1', urgency: 'high', topic: 't' } as const;
    expect(judge(mail(entityOf({ payload, push })), expectedOf())).toEqual({
      kind: 'deliverable',
      push: {
        ...push,
        payload,
        signer: good,
        timestamp: noon / second,
        holdUntil: noon + 55 * minute,
        liveUntil: noon + hour + 10 * minute,
        rememberUntil: noon + 2 * hour,
      },
      trust: pinnedTo(good),
    });
  });

  it('that is the first of its channel pins its signer', () => {
    expect(judge(mail(), expectedOf({ trust: nobody }))).toMatchObject({ kind: 'deliverable', trust: pinnedTo(good) });
    const named = expectedOf({ trust: nobody, sender: good.fingerprint });
    expect(judge(mail(), named)).toMatchObject({ kind: 'deliverable', trust: pinnedTo(good) });
  });

  it.each<[string, string, OpenedMail, Partial<Expected>]>([
    ['unreadable', 'does not decrypt', { kind: 'closed', reason: 'no' }, {}],
    ['unreadable', 'does not decrypt on a retired channel', { kind: 'closed', reason: 'no' }, { retired: true }],
    ['retired', 'is for a retired channel', mail(), { retired: true }],
    ['retired', 'is for a retired channel and not signed', mail(entityOf(), { state: 'unsigned' }), { retired: true }],
    ['refused', 'is not signed', mail(entityOf(), { state: 'unsigned' }), {}],
    ['refused', 'has a signature that does not hold', mail(entityOf(), invalid), {}],
    ['refused', 'is malformed inside', mail({ kind: 'malformed', reason: 'no' }), {}],
    ['refused', 'was made for another channel', pushed({ channel: 'd'.repeat(27) }), {}],
    ['refused', 'was made for another address', mail(entityOf({ to: 'bob@example.org' })), {}],
    ['deliverable', 'writes the address in another way', mail(entityOf({ to: 'Alice@EXAMPLE.org' })), {}],
    ['refused', 'is by another than the pinned sender', mail(entityOf(), signedBy(bad)), {}],
    ['refused', 'is by a stranger to a pinned channel', mail(entityOf(), unknown), {}],
    [
      'refused',
      'is by another than the app named',
      mail(entityOf(), signedBy(bad)),
      { trust: nobody, sender: good.fingerprint },
    ],
    ['waiting for key', 'is by a key that is not known yet', mail(entityOf(), unknown), { trust: nobody }],
    [
      'waiting for key',
      'may be by whom the app named',
      mail(entityOf(), unknown),
      { trust: nobody, sender: good.fingerprint },
    ],
    ['deliverable', 'is by the pin, whoever the app named before', mail(), { sender: bad.fingerprint }],
    ['refused', 'has another From than its key', mail(entityOf({ from: 'bob@app.example' })), {}],
    ['deliverable', 'writes From in another way', mail(entityOf({ from: 'Push@App.EXAMPLE' })), {}],
    ['duplicate', 'was delivered already', mail(), { wasDelivered: (id) => id === 'x' }],
    [
      'duplicate',
      'was delivered already and is too late besides',
      mail(),
      { wasDelivered: () => true, now: noon + day },
    ],
    [
      'refused',
      'was delivered already, it says, but is by another',
      mail(entityOf(), signedBy(bad)),
      { wasDelivered: () => true },
    ],
  ])('is %s when it %s', (kind, _, opened, expected) => {
    expect(kindOf(opened, expected)).toBe(kind);
  });

  it.each<['app' | 'grant', string, string | undefined]>([
    ['app', 'application/octet-stream', undefined],
    ['app', grantType, 'It is the grant of a gateway, and its channel is one of an app.'],
    ['grant', grantType, undefined],
    ['grant', 'application/octet-stream', 'It is no grant, and its channel takes the grants of a gateway only.'],
  ])('on a channel for %s and the type %s is refused with the reason %s', (purpose, mediaType, reason) => {
    const verdict = judge(mail(entityOf({ mediaType: mediaType as Entity['mediaType'] })), expectedOf({ purpose }));
    expect(verdict).toMatchObject(reason === undefined ? { kind: 'deliverable' } : { kind: 'refused', reason });
  });

  it('that is a grant pins nobody, but is refused when it is not by the key that is pinned', () => {
    const grant = (by: Pin): OpenedMail => mail(entityOf({ mediaType: grantType }), signedBy(by));
    const first = judge(grant(good), expectedOf({ purpose: 'grant', trust: nobody }));
    expect(first).toMatchObject({ kind: 'deliverable', trust: nobody, push: { signer: good } });
    expect(judge(grant(bad), expectedOf({ purpose: 'grant' })).kind).toBe('refused');
  });

  it('says by whom it is refused', () => {
    const reason = `It is signed by ${bad.fingerprint}, pinned is ${good.fingerprint}.`;
    expect(judge(mail(entityOf(), signedBy(bad)), expectedOf())).toEqual({ kind: 'refused', reason });
  });

  it.each([
    ['a minute and ten for the clocks, with a TTL of 0', 0, 11 * minute],
    ['a minute and ten for the clocks, with a TTL of 60 s', 60, 11 * minute],
    ['its TTL and ten minutes', 61, 11 * minute + second],
    ['28 days and ten minutes at most', 2_419_200, 28 * day + 10 * minute],
  ])('lets a push live for %s', (_, ttlSeconds, lifeMs) => {
    for (const [signature, trust, alive] of [
      [signedBy(good), pinnedTo(good), 'deliverable'],
      [unknown, nobody, 'waiting for key'],
    ] as const) {
      const push = mail(entityOf({ push: { ttlSeconds } }), signature);
      expect(kindOf(push, { trust, now: noon + lifeMs - 1 })).toBe(alive);
      expect(kindOf(push, { trust, now: noon + lifeMs })).toBe('expired');
    }
  });

  it('has its id remembered for as long as a copy could be delivered', () => {
    for (const ttlSeconds of [0, 60, 3600]) {
      const verdict = judge(pushed({ ttlSeconds }), expectedOf());
      if (verdict.kind !== 'deliverable') throw new Error('It is to be delivered.');
      expect(verdict.push.rememberUntil).toBeGreaterThanOrEqual(verdict.push.liveUntil);
      expect(verdict.push.rememberUntil).toBeGreaterThanOrEqual(noon + ttlSeconds * second + hour);
    }
  });

  it('is that it is superseded when a later one of its topic has ended, and only then', () => {
    const lastAt = (timestamp: number, uid: number): Partial<Expected> => ({
      lastOfTopic: (topic) => ({ topic, timestamp, message: { folder: 'INBOX', uidValidity: '7', uid } }),
    });
    const of = (push: Partial<Entity['push']>, last: Partial<Expected>) => kindOf(pushed(push), last);
    const sent = noon / second;
    expect(of({ topic: 't' }, lastAt(sent + 1, 1))).toBe('superseded');
    expect(of({ topic: 't' }, lastAt(sent, 6))).toBe('superseded');
    expect(of({ topic: 't' }, lastAt(sent, 4))).toBe('deliverable');
    expect(of({ topic: 't' }, lastAt(sent - 1, 6))).toBe('deliverable');
    expect(of({}, lastAt(sent + 1, 6))).toBe('deliverable');
    expect(of({ topic: 't', ttlSeconds: 1 }, { ...lastAt(sent + 1, 6), now: noon + hour })).toBe('superseded');
    expect(of({ topic: 't' }, { ...lastAt(sent + 1, 6), wasDelivered: () => true })).toBe('duplicate');
  });

  it('says what replaces others even when it has expired, but only of a push whose signature holds', () => {
    const push = { topic: 't', ttlSeconds: 1 };
    const late = { now: noon + hour };
    const label = { id: 'x', topic: 't', timestamp: noon / second };
    expect(judge(pushed(push), expectedOf(late))).toMatchObject({ kind: 'expired', known: { label } });
    const stranger = { ...late, trust: nobody };
    expect(judge(mail(entityOf({ push }), unknown), expectedOf(stranger))).toEqual({
      kind: 'expired',
      known: undefined,
    });
  });

  it.each([
    [0, 30],
    [60, 30],
    [300, 150],
    [600, 300],
    [3600, 3300],
    [2_419_200, 2_418_900],
  ])('has a push with a TTL of %i s held for %i s at most', (ttlSeconds, heldSeconds) => {
    const push = { holdUntil: noon + heldSeconds * second };
    expect(judge(pushed({ ttlSeconds }), expectedOf())).toMatchObject({ push });
  });

  it('takes a clock that differs by ten minutes, and lets a push from later on wait for its time', () => {
    const from = (now: number) => judge(mail(), expectedOf({ now }));
    expect(from(noon - 10 * minute).kind).toBe('deliverable');
    const early = { kind: 'early', notBefore: noon - 10 * minute, until: noon + hour + 10 * minute };
    expect(from(noon - 10 * minute - 1)).toEqual(early);
    expect(from(noon - 28 * day - 10 * minute)).toEqual(early);
    expect(from(noon - 28 * day - 10 * minute - 1).kind).toBe('refused');
  });

  it('lets a push wait whose signature is of the future too, but not one by a stranger', () => {
    const now = noon - hour;
    expect(kindOf(mail(entityOf(), invalid), { now })).toBe('early');
    expect(kindOf(mail(entityOf(), unknown), { now, trust: nobody })).toBe('early');
    for (const signature of [unknown, signedBy(bad), { state: 'unsigned' } as const]) {
      expect(kindOf(mail(entityOf(), signature), { now })).toBe('refused');
    }
  });

  it('is there whatever is in it, and delivers only what the right one signed in time', () => {
    const text = fc.oneof(
      fc.constantFrom('alice@example.org', 'push@app.example', 'a@xn--a.b', 'a@127.1'),
      fc.emailAddress().filter(isAddress),
    );
    const inside: fc.Arbitrary<Inside> = fc.oneof(
      fc.record({ kind: fc.constant('malformed' as const), reason: fc.string() }),
      fc.record({
        kind: fc.constant('entity' as const),
        from: text,
        to: text,
        mediaType: fc.constantFrom(...innerMediaTypes),
        payload: fc.uint8Array(),
        push: fc.record({
          channel: fc.constantFrom(channel, formatChannel(new Uint8Array(20))),
          id: fc.constantFrom('x', 'y'),
          timestamp: fc.oneof(fc.integer({ min: 0, max: 253_402_300_799 }), fc.constant(noon / second)),
          ttlSeconds: fc.integer({ min: 0, max: 2_419_200 }),
          urgency: fc.constant('normal' as const),
        }),
      }),
    );
    const signature = fc.constantFrom<Signer>(signedBy(good), signedBy(bad), unknown, invalid, { state: 'unsigned' });
    const purpose = fc.constantFrom('app' as const, 'grant' as const);
    fc.assert(
      fc.property(inside, signature, fc.constantFrom(pinnedTo(good), nobody), purpose, (one, by, trust, of) => {
        const expected = expectedOf({ trust, purpose: of, wasDelivered: (id) => id === 'y' });
        const verdict = judge(mail(one, by), expected);
        if (verdict.kind !== 'deliverable') return;
        expect(one).toMatchObject({ mediaType: of === 'app' ? 'application/octet-stream' : grantType });
        if (of === 'grant') expect(verdict.trust).toEqual(trust);
        expect(by).toEqual(signedBy(verdict.push.signer));
        expect(by.state).toBe('valid');
        if (trust.pin !== undefined) expect(by).toEqual(signedBy(trust.pin));
        expect(one).toMatchObject({ kind: 'entity', push: { channel, id: 'x' } });
        expect(verdict.push.liveUntil).toBeGreaterThan(noon);
      }),
    );
  });
});
