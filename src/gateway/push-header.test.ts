import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldAesgcm } from './aesgcm.js';
import { readCryptoParameters } from './crypto-parameters.js';
import { GatewayError } from './gateway-error.js';
import { readCoding, readDelivery } from './push-header.js';

const names = ['ttl', 'urgency', 'topic', 'content-encoding', 'encryption', 'crypto-key'];
const value = fc.oneof(
  fc.string(),
  fc.constantFrom('60', 'low', 'chat', 'aes128gcm', 'salt=x', 'dh=x'),
  fc.string({ unit: fc.constantFrom('=', ';', ',', '"', ' ', 's', 'salt', 'dh') }),
);
const fields = fc.dictionary(fc.constantFrom(...names), fc.array(value, { minLength: 1, maxLength: 2 }));

describe('the header of a push', () => {
  it('reads to what can be sent, or fails with a 4xx, whatever is in it', () => {
    const read = [readDelivery, readCoding, (of: Parameters<typeof readCoding>[0]) => foldAesgcm(of, Uint8Array.of(1))];
    fc.assert(
      fc.property(fields, fc.constantFrom(...read), (of, reader) => {
        try {
          const result = reader(of);
          expect(JSON.stringify(result) ?? '').not.toMatch(/[^\x20-\x7e]/);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          expect((error as GatewayError).status).toBeOneOf([400, 413]);
        }
      }),
    );
  });

  it('is TTL, urgency and topic, each with what it is without', () => {
    expect(readDelivery({ ttl: ['5'] })).toEqual({ ttlSeconds: 5, urgency: 'normal' });
    const all = { ttl: ['007'], urgency: ['VERY-LOW'], topic: ['a'] };
    expect(readDelivery(all)).toEqual({ ttlSeconds: 7, urgency: 'very-low', topic: 'a' });
  });
});

describe('the parameters of Crypto-Key', () => {
  it('are found between semicolons and commas, the first of each name', () => {
    const read = (...values: string[]): object => Object.fromEntries(readCryptoParameters(values));
    expect(read('dh=A;p256ecdsa=B')).toEqual({ dh: 'A', p256ecdsa: 'B' });
    expect(read('keyid=a; DH = "A" , keyid=b;p256ecdsa=B')).toEqual({ keyid: 'a', dh: 'A', p256ecdsa: 'B' });
    expect(read('dh=A==', 'dh=B', 'x')).toEqual({ dh: 'A==' });
    expect(read('', ';,;', '=', '"')).toEqual({ '': '' });
  });
});
