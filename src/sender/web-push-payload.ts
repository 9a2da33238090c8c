import { createECDH, type ECDH, randomBytes } from 'node:crypto';
import ece from 'http_ece';
import { limits } from '../notify-spec/index.js';
import { PushError } from './errors.js';

/** Name of the content coding of {@link encryptPayload} (RFC 8188 §2). */
export const webPushContentCoding = 'aes128gcm';

// Header with a P-256 key, padding delimiter, tag (RFC 8188 §2, RFC 8291 §4).
const overheadBytes = 86 + 1 + 16;
const publicKeyBytes = 65;
const authSecretBytes = 16;
const uncompressedPoint = 0x04;

/** What is random in one encryption: a key pair and a salt of 16 bytes. */
export interface Ephemeral {
  readonly keyPair: ECDH;
  readonly salt: Uint8Array;
}

/**
 * Encrypts a payload for the app behind a Web Push subscription (RFC 8291 §3, §4), in one record. Throws
 * `ERR_PAYLOAD_TOO_LARGE` when the result would be over 4096 bytes, and `ERR_ENDPOINT_INVALID` when `keys` are not a
 * P-256 key and a secret of 16 bytes.
 */
export function encryptPayload(
  payload: Uint8Array,
  keys: { readonly p256dh: string; readonly auth: string },
  ephemeral: Ephemeral = freshEphemeral(),
): Uint8Array {
  const most = limits.payloadBytes - overheadBytes;
  if (payload.length > most) {
    throw new PushError(
      'ERR_PAYLOAD_TOO_LARGE',
      `The payload is over ${most} bytes, which is all that fits once encrypted.`,
    );
  }
  const dh = decode(keys.p256dh);
  const authSecret = decode(keys.auth);
  if (dh.length !== publicKeyBytes || dh[0] !== uncompressedPoint || authSecret.length !== authSecretBytes) {
    throw invalidKeys();
  }
  try {
    const encrypted = ece.encrypt(Buffer.from(payload), {
      version: webPushContentCoding,
      dh,
      authSecret,
      privateKey: ephemeral.keyPair,
      salt: Buffer.from(ephemeral.salt),
    });
    return new Uint8Array(encrypted);
  } catch (cause) {
    throw invalidKeys(cause);
  }
}

function freshEphemeral(): Ephemeral {
  const keyPair = createECDH('prime256v1');
  keyPair.generateKeys();
  return { keyPair, salt: randomBytes(16) };
}

function decode(text: string): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
}

function invalidKeys(cause?: unknown): PushError {
  const sentence = 'The keys of the subscription are not p256dh and auth; take them from the app unchanged.';
  return new PushError('ERR_ENDPOINT_INVALID', sentence, { cause });
}
