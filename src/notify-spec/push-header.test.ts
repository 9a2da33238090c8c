import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notifyErrorOf, pushHeaders, withFolding } from '../../test/tools/notify-arbitraries.js';
import { formatPushHeader, type PushHeader, parsePushHeader } from './push-header.js';

const channel = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';
const required = `v=1; c=${channel}; i=1; t=1700000000`;
const plain: PushHeader = { channel, id: '1', timestamp: 1_700_000_000, ttlSeconds: 2_419_200, urgency: 'normal' };

describe('an inner Email-Notify header', () => {
  it('says nothing of what is at its default', () => {
    expect(formatPushHeader(plain)).toBe(required);
    expect(parsePushHeader(required)).toEqual(plain);
  });

  it('holds its attributes in their order', () => {
    const nextFingerprint = '0123456789abcdef0123456789abcdef01234567';
    const value = `${required}; ttl=60; u=high; topic=chat_1; enc=aes128gcm; next=${nextFingerprint}`;
    const header: PushHeader = {
      ...plain,
      ttlSeconds: 60,
      urgency: 'high',
      topic: 'chat_1',
      contentCoding: 'aes128gcm',
      nextFingerprint,
    };
    expect(formatPushHeader(header)).toBe(value);
    expect(parsePushHeader(value)).toEqual(header);
  });

  it('is read as it was written, with white space and folds in it too', () => {
    const folded = pushHeaders.chain((header) =>
      withFolding(formatPushHeader(header)).map((value) => ({ header, value })),
    );
    fc.assert(
      fc.property(folded, ({ header, value }) => {
        expect(parsePushHeader(value)).toEqual(header);
      }),
    );
  });

  it.each(['2419201', '9999999999999', '9'.repeat(400)])('has a TTL of %s capped at 28 days', (ttl) => {
    expect(parsePushHeader(`${required}; ttl=${ttl}`).ttlSeconds).toBe(2_419_200);
  });

  it('has a TTL of more than 28 days capped when it is written', () => {
    expect(formatPushHeader({ ...plain, ttlSeconds: 2_419_201 })).toBe(required);
  });

  it('may have a TTL of 0', () => {
    expect(parsePushHeader(`${required}; ttl=0`).ttlSeconds).toBe(0);
  });

  it('has unknown names ignored', () => {
    expect(parsePushHeader(`${required}; colour=blue; p=1`)).toEqual(plain);
  });

  it('has content coding and fingerprint read in lower case', () => {
    const header = parsePushHeader(`${required}; enc=AES128GCM; next=${'ABCDEF0123'.repeat(4)}`);
    expect(header).toEqual({ ...plain, contentCoding: 'aes128gcm', nextFingerprint: 'abcdef0123'.repeat(4) });
  });

  it.each([
    ['no channel', 'v=1; i=1; t=1'],
    ['a short channel', 'v=1; c=abc; i=1; t=1'],
    ['no id', `v=1; c=${channel}; t=1`],
    ['an empty id', `v=1; c=${channel}; i=; t=1`],
    ['an id of 65 characters', `v=1; c=${channel}; i=${'a'.repeat(65)}; t=1`],
    ['an id with a space', `v=1; c=${channel}; i=a b; t=1`],
    ['no time', `v=1; c=${channel}; i=1`],
    ['a negative time', `v=1; c=${channel}; i=1; t=-1`],
    ['a time with a fraction', `v=1; c=${channel}; i=1; t=1.5`],
    ['a time in hexadecimal', `v=1; c=${channel}; i=1; t=0x10`],
    ['a time after the year 9999', `v=1; c=${channel}; i=1; t=253402300800`],
    ['a negative TTL', `${required}; ttl=-1`],
    ['an empty TTL', `${required}; ttl=`],
    ['another urgency', `${required}; u=urgent`],
    ['an urgency in capitals', `${required}; u=HIGH`],
    ['an empty topic', `${required}; topic=`],
    ['a topic of 33 characters', `${required}; topic=${'a'.repeat(33)}`],
    ['a topic outside base64url', `${required}; topic=a.b`],
    ['two content codings', `${required}; enc=gzip, aes128gcm`],
    ['a fingerprint of 39 digits', `${required}; next=${'a'.repeat(39)}`],
    ['a fingerprint that is none', `${required}; next=${'g'.repeat(40)}`],
  ])('is refused with %s', (_, value) => {
    expect(notifyErrorOf(() => parsePushHeader(value))?.code).toBe('ERR_NOTIFY_HEADER_INVALID');
  });

  it.each([
    [{ channel: 'short' }, 'ERR_NOTIFY_CHANNEL_INVALID'],
    [{ channel: `${channel.slice(0, -2)}\r\n` }, 'ERR_NOTIFY_CHANNEL_INVALID'],
    [{ id: '' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ id: 'a;ttl=0' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ id: 'a\r\nX: y' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ timestamp: Number.NaN }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ timestamp: 1.5 }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ ttlSeconds: -1 }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ ttlSeconds: Number.POSITIVE_INFINITY }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ urgency: 'urgent' as 'high' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ topic: 'a b' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ contentCoding: 'a;b' }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ nextFingerprint: 'abc' }, 'ERR_NOTIFY_HEADER_INVALID'],
  ] as const)('is not written with %j', (change, code) => {
    expect(notifyErrorOf(() => formatPushHeader({ ...plain, ...change }))?.code).toBe(code);
  });

  it('has only typed errors, whatever it is', () => {
    const value = fc.array(
      fc.oneof(
        fc.string(),
        fc.constantFrom(`${required}`, `c=${channel}`, 'i=1', 't=1', 'ttl=', 'u=low', 'next=', 'v=1'),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(value, (pieces) => {
        const error = notifyErrorOf(() => parsePushHeader(pieces.join(';')));
        if (error !== undefined) expect(error.disposition).toBe('rejected');
      }),
      { numRuns: 500 },
    );
  });
});
