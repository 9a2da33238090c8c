import { createECDH } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushError } from './errors.js';
import { encryptPayload } from './web-push-payload.js';

// The example of RFC 8291 §5 and appendix A.
const example = {
  plaintext: 'When I grow up, I want to be a watermelon',
  senderPrivateKey: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  receiverPrivateKey: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  body:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y' +
    'l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
};
const { p256dh, auth } = example;

interface Decryptor {
  decrypt(body: Buffer, options: object): Buffer;
}

function decrypt(body: Uint8Array): Uint8Array {
  const privateKey = createECDH('prime256v1');
  privateKey.setPrivateKey(example.receiverPrivateKey, 'base64url');
  const ece = createRequire(import.meta.url)('http_ece') as Decryptor;
  return new Uint8Array(ece.decrypt(Buffer.from(body), { version: 'aes128gcm', privateKey, authSecret: auth }));
}

function codeOf(encrypt: () => unknown): string {
  try {
    encrypt();
  } catch (error) {
    expect(error).toBeInstanceOf(PushError);
    return (error as PushError).code;
  }
  return 'none';
}

describe('encrypting a payload for a Web Push subscription', () => {
  it('gives the body of the example in RFC 8291', () => {
    const keyPair = createECDH('prime256v1');
    keyPair.setPrivateKey(example.senderPrivateKey, 'base64url');
    const salt = Buffer.from(example.salt, 'base64url');
    const body = encryptPayload(new TextEncoder().encode(example.plaintext), { p256dh, auth }, { keyPair, salt });
    expect(Buffer.from(body).toString('base64url')).toBe(example.body);
    expect(new TextDecoder().decode(decrypt(body))).toBe(example.plaintext);
  });

  it('gives what the subscriber decrypts, and never the same twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3993 }), (payload) => {
        const body = encryptPayload(payload, { p256dh, auth });
        expect(decrypt(body)).toEqual(payload);
        expect(body.length).toBe(payload.length + 103);
        expect(encryptPayload(payload, { p256dh, auth })).not.toEqual(body);
      }),
      { numRuns: 20 },
    );
  });

  it('fills 4096 bytes with 3993, and takes no more', () => {
    expect(encryptPayload(new Uint8Array(3993), { p256dh, auth })).toHaveLength(4096);
    expect(codeOf(() => encryptPayload(new Uint8Array(3994), { p256dh, auth }))).toBe('ERR_PAYLOAD_TOO_LARGE');
  });

  it('takes keys in padded base64 as well', () => {
    const padded = { p256dh: `${p256dh}=`.replaceAll('-', '+').replaceAll('_', '/'), auth: `${auth}==` };
    expect(decrypt(encryptPayload(new Uint8Array([1]), padded))).toEqual(new Uint8Array([1]));
  });

  it('refuses keys that are none', () => {
    const offCurve = `${p256dh.slice(0, -4)}AAAA`;
    for (const keys of [
      { p256dh: '', auth },
      { p256dh: offCurve, auth },
      { p256dh: p256dh.slice(4), auth },
      { p256dh, auth: auth.slice(4) },
      { p256dh, auth: '' },
    ]) {
      expect(codeOf(() => encryptPayload(new Uint8Array([1]), keys))).toBe('ERR_ENDPOINT_INVALID');
    }
  });

  it('fails with a typed error only, whatever the keys', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(codeOf(() => encryptPayload(new Uint8Array([1]), { p256dh: one, auth: other }))).toBe(
          'ERR_ENDPOINT_INVALID',
        );
      }),
    );
  });
});
