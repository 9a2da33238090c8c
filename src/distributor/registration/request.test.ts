import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRequest, type RegisterRequest } from './request.js';

const requestOf = (change: Partial<RegisterRequest> = {}): RegisterRequest => ({
  protocol: 2,
  service: 'org.example.App',
  token: '{5c1f0e0a}',
  description: undefined,
  vapid: undefined,
  sender: undefined,
  ...change,
});

/** 100 bytes of UTF-8 in 50 characters, and one more. */
const hundred = 'ä'.repeat(50);

describe('a registration', () => {
  it('is taken as it is when it is within the limits', () => {
    const request = requestOf({ description: 'Notes', vapid: 'B'.repeat(87), sender: 'a'.repeat(40) });
    expect(checkRequest(request)).toEqual({ ok: true, value: request });
  });

  it.each<[string, Partial<RegisterRequest>]>([
    ['a token of one byte', { token: 'x' }],
    ['a token of 100 bytes', { token: hundred }],
    ['any text as token', { token: '"\'\\\n\u202e<🦊>/' }],
    ['a description of 100 bytes', { description: hundred }],
    ['an empty description', { description: '' }],
    ['a unique name', { service: ':1.42' }],
    ['a service of 255 characters', { service: `a.${'b'.repeat(253)}` }],
    ['a VAPID key of 87 characters', { vapid: 'aZ09_-'.padEnd(87, 'x') }],
    ['a fingerprint in capitals', { sender: 'ABCDEF0123'.repeat(4) }],
  ])('may have %s', (_, change) => {
    expect(checkRequest(requestOf(change)).ok).toBe(true);
  });

  it('compares fingerprints in lower case', () => {
    const checked = checkRequest(requestOf({ sender: 'ABCDEF0123'.repeat(4) }));
    expect(checked).toMatchObject({ ok: true, value: { sender: 'abcdef0123'.repeat(4) } });
  });

  it.each<[string, Partial<RegisterRequest>]>([
    ['no service', { service: undefined }],
    ['an empty service', { service: '' }],
    ['a service without a dot', { service: 'app' }],
    ['a service with a blank', { service: 'org.example.My App' }],
    ['a service of 256 characters', { service: `a.${'b'.repeat(254)}` }],
    ['half a unique name', { service: ':1' }],
    ['no token', { token: undefined }],
    ['an empty token', { token: '' }],
    ['a token of 101 bytes', { token: `${hundred}x` }],
    ['a description of 101 bytes', { description: `${hundred}x` }],
    ['a VAPID key of 86 characters', { vapid: 'B'.repeat(86) }],
    ['a VAPID key of 88 characters', { vapid: 'B'.repeat(88) }],
    ['a VAPID key in the other base64', { vapid: `${'B'.repeat(86)}+` }],
    ['a VAPID key with a line end', { vapid: `${'B'.repeat(87)}\n` }],
    ['a fingerprint of 39 digits', { sender: 'a'.repeat(39) }],
    ['a fingerprint with blanks', { sender: `${'a'.repeat(36)} ${'a'.repeat(3)}` }],
    ['no hexadecimal fingerprint', { sender: 'g'.repeat(40) }],
    ['an empty fingerprint, which would be no restriction', { sender: '' }],
  ])('must not have %s', (_, change) => {
    const refused = { ok: false, refusal: { reason: 'INTERNAL_ERROR', explanation: expect.stringMatching(/\.$/) } };
    expect(checkRequest(requestOf(change))).toEqual(refused);
  });

  it('is within the limits whatever comes, or refused', () => {
    const text = fc.option(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constant('org.example.App'),
      ),
      { nil: undefined },
    );
    const protocol = fc.constantFrom(1 as const, 2 as const);
    const request = fc.record({ protocol, service: text, token: text, description: text, vapid: text, sender: text });
    fc.assert(
      fc.property(request, (one) => {
        const checked = checkRequest(one);
        if (!checked.ok) return;
        const { service, token, description, vapid, sender } = checked.value;
        expect(Buffer.byteLength(service)).toBeLessThanOrEqual(255);
        expect(Buffer.byteLength(token)).toBeLessThanOrEqual(100);
        expect(Buffer.byteLength(description)).toBeLessThanOrEqual(100);
        expect(vapid?.length ?? 87).toBe(87);
        expect(sender?.length ?? 40).toBe(40);
      }),
    );
  });
});
