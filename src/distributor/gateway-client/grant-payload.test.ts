import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readGrant } from './grant-payload.js';
import type { GatewayState, GrantRequest } from './state.js';

const now = Date.UTC(2026, 0, 1);
const url = 'https://push.example.org';
const channel = 'c'.repeat(27);
const nonce = 'n'.repeat(32);
const request: GrantRequest = { stage: 'waiting', channel, nonce, since: now };
const state = { url, request } satisfies Pick<GatewayState, 'url' | 'request'>;
const good = { version: 1, gateway: url, nonce, grant: 'abc', expires: now / 1000 + 60 };
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe('a grant mail', () => {
  it.each(['sending', 'waiting', 'failed'] as const)('answers a request that is %s', (stage) => {
    const read = readGrant(bytes(good), channel, { url, request: { ...request, stage } }, now);
    expect(read).toEqual({ token: 'abc', expires: now + 60_000 });
  });

  it.each([
    ['none', { stage: 'none' }],
    ['being prepared', { stage: 'preparing' }],
  ] as const)('was not asked for while the request is %s', (_, other) => {
    expect(readGrant(bytes(good), channel, { url, request: other }, now)).toEqual({ problem: 'it was not asked for' });
  });

  it('on another channel was not asked for', () => {
    expect(readGrant(bytes(good), 'd'.repeat(27), state, now)).toEqual({ problem: 'it was not asked for' });
  });

  it.each([
    [{ gateway: 'https://push.example.com' }, 'it is of another gateway'],
    [{ gateway: `${url}/` }, 'it is of another gateway'],
    [{ nonce: 'm'.repeat(32) }, 'it answers another request'],
    [{ nonce: nonce.slice(1) }, 'it answers another request'],
    [{ expires: now / 1000 }, 'it has expired'],
    [{ version: 2 }, 'it is not one of version 1'],
    [{ version: undefined }, 'it is not one of version 1'],
    [{ grant: '' }, 'it is not one of version 1'],
    [{ grant: 'a\r\nb: c' }, 'it is not one of version 1'],
    [{ grant: 'a'.repeat(1025) }, 'it is not one of version 1'],
    [{ expires: '1' }, 'it is not one of version 1'],
    [{ expires: 1e300 }, 'it is not one of version 1'],
  ])('with %j is refused', (change, problem) => {
    expect(readGrant(bytes({ ...good, ...change }), channel, state, now)).toEqual({ problem });
  });

  it('of any bytes is refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (payload) => {
          expect(readGrant(payload, channel, state, now)).toEqual({ problem: 'it is not one of version 1' });
        },
      ),
    );
  });
});
