import { createHash } from 'node:crypto';
import { aesgcm } from './aesgcm.js';

/** Codings with a fresh salt in each message (RFC 8188 §2.1, draft-ietf-webpush-encryption-04 §3.1). */
const salted: ReadonlySet<string | undefined> = new Set(['aes128gcm', aesgcm]);

/**
 * The push id of a message, derived from its body where no two messages have the same one: a request that comes again
 * because a proxy repeated it, or because its answer was lost, is then delivered once. Undefined for any other body, which an
 * app server may well mean to send twice.
 */
export function pushIdOf(coding: string | undefined, channel: string, body: Uint8Array): string | undefined {
  return salted.has(coding) ? derivePushId('push', channel, body) : undefined;
}

/** A push id out of what makes a message this one and no other: 22 base64url characters. */
export function derivePushId(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    // With its length in front of each, other parts never give the same bytes.
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest().subarray(0, 16).toString('base64url');
}
