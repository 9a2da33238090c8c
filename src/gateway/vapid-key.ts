import { ECDH } from 'node:crypto';

const curve = 'prime256v1';
const text = /^[A-Za-z0-9_-]{87}$/;
/** What a compressed key begins with: the parity of its second coordinate (SEC 1 §2.3.3). */
const compressedMarks: ReadonlySet<number | undefined> = new Set([2, 3]);

/** Bytes of a compressed key. */
export const compressedVapidBytes = 33;

/**
 * Compresses an app server's public key to 33 bytes (SEC 1 §2.3.3). Undefined when `key` is not 87 base64url characters in
 * their one spelling that name a point on P-256 in uncompressed form (RFC 8292 §3.2).
 */
export function compressVapid(key: string): Uint8Array | undefined {
  if (typeof key !== 'string' || !text.test(key)) return undefined;
  const point = Buffer.from(key, 'base64url');
  if (point[0] !== 4 || point.toString('base64url') !== key) return undefined;
  const compressed = convert(point, 'compressed');
  return compressed === undefined ? undefined : new Uint8Array(compressed);
}

/** The 87 characters of a key that {@link compressVapid} compressed; undefined for what is none. */
export function expandVapid(compressed: Uint8Array): string | undefined {
  if (compressed.length !== compressedVapidBytes || !compressedMarks.has(compressed[0])) return undefined;
  return convert(compressed, 'uncompressed')?.toString('base64url');
}

/** OpenSSL refuses what is not on the curve. */
function convert(point: Uint8Array, format: 'compressed' | 'uncompressed'): Buffer | undefined {
  try {
    return ECDH.convertKey(point, curve, undefined, undefined, format) as Buffer;
  } catch {
    return undefined;
  }
}
