import { createPublicKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import { readCryptoParameters } from './crypto-parameters.js';
import { GatewayError } from './gateway-error.js';
import type { HeaderFields } from './push-header.js';

/** What a push has to be signed for. */
export interface VapidRule {
  /** The key that the app gave when it registered, 87 characters. */
  readonly key: string;
  /** The origin of the gateway (RFC 6454 §6.1), such as `https://push.example.org`. */
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether the form of the drafts is taken as well: `WebPush` or `Bearer`, and the key as `p256ecdsa` in Crypto-Key. */
  readonly draft: boolean;
}

/** How far clocks may be apart. */
const skewSeconds = 60;
/** RFC 8292 §2: no token may be good for longer. */
const maxAgeSeconds = 24 * 3600;
/** Far more than a token with a long `sub`. */
const maxAuthorizationChars = 4096;
const uncompressedBytes = 65;

interface Credentials {
  readonly token: string;
  readonly key: string;
}

/**
 * Checks that a push is signed with the key that its endpoint is restricted to (RFC 8292 §4.2). Throws
 * `ERR_GATEWAY_UNAUTHORIZED` (401) when it carries no VAPID, `ERR_GATEWAY_REQUEST` when it carries two, and
 * `ERR_GATEWAY_FORBIDDEN` (403) when it is wrong.
 */
export async function checkVapid(fields: HeaderFields, rule: VapidRule): Promise<void> {
  const credentials = readCredentials(fields, rule.draft);
  const expected = Buffer.from(rule.key, 'base64url');
  const given = Buffer.from(credentials.key, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw forbidden('This endpoint belongs to another VAPID key; sign with the key that the app was given.');
  }
  const expires = await verify(credentials.token, expected, rule);
  if (expires > rule.now / 1000 + maxAgeSeconds + skewSeconds) {
    throw forbidden('The VAPID token is good for over 24 hours; give an exp within them.');
  }
}

function readCredentials(fields: HeaderFields, draft: boolean): Credentials {
  const values = fields.authorization ?? [];
  if (values.length > 1) throw new GatewayError('ERR_GATEWAY_REQUEST', 'Give one Authorization header.');
  const [value = ''] = values;
  if (value.length > maxAuthorizationChars) throw forbidden('The Authorization header is too long; shorten its token.');
  const [, scheme = '', rest = ''] = /^([^ ]*) *(.*)$/.exec(value) ?? [];
  switch (scheme.toLowerCase()) {
    case 'vapid':
      return readParameters(rest);
    case 'webpush':
    case 'bearer':
      if (draft)
        return { token: rest.trim(), key: readCryptoParameters(fields['crypto-key'] ?? []).get('p256ecdsa') ?? '' };
      break;
  }
  const sentence = 'This endpoint takes signed pushes only; give Authorization: vapid t=…, k=….';
  throw new GatewayError('ERR_GATEWAY_UNAUTHORIZED', sentence, { headers: { 'WWW-Authenticate': 'vapid' } });
}

// No two repetitions in it can share white space, so that it is linear in what it fails on too.
const parameter = /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:(?:"([^"\\]*)"|([^\s",]+))[ \t]*)?)?(?:,|$)/y;

/** Reads `t` and `k` (RFC 8292 §3) out of parameters as RFC 9110 §11.2 has them; others are ignored. */
function readParameters(text: string): Credentials {
  const found = new Map<string, string>();
  for (parameter.lastIndex = 0; parameter.lastIndex < text.length; ) {
    const match = parameter.exec(text);
    const name = match?.[1]?.toLowerCase();
    if (match === null || (name !== undefined && found.has(name))) {
      throw forbidden('The parameters of the vapid scheme cannot be read; give t and k once, separated by a comma.');
    }
    if (name !== undefined) found.set(name, match[2] ?? match[3] ?? '');
  }
  return { token: found.get('t') ?? '', key: found.get('k') ?? '' };
}

/** Resolves to the time at which a token expires, in seconds since 1970, if it is good now. */
async function verify(token: string, key: Uint8Array, { audience, now }: VapidRule): Promise<number> {
  try {
    const { payload } = await jwtVerify(token, publicKeyOf(key), {
      algorithms: ['ES256'],
      audience,
      clockTolerance: skewSeconds,
      currentDate: new Date(now),
      requiredClaims: ['aud', 'exp'],
    });
    return payload.exp ?? Number.POSITIVE_INFINITY;
  } catch (error) {
    throw forbidden(explain(error, audience));
  }
}

function publicKeyOf(key: Uint8Array): KeyObject {
  const point = Buffer.from(key);
  const half = (uncompressedBytes - 1) / 2;
  const x = point.toString('base64url', 1, 1 + half);
  const y = point.toString('base64url', 1 + half);
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } });
}

function explain(error: unknown, audience: string): string {
  if (error instanceof errors.JWTExpired) return 'The VAPID token has expired; sign a new one.';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === 'aud'
      ? `The VAPID token is for another push service; give ${audience} as its aud.`
      : 'The VAPID token lacks a claim or has one that is not valid; give aud, exp and sub.';
  }
  return 'The VAPID token is not one that this key signed with ES256; sign it anew.';
}

function forbidden(message: string): GatewayError {
  return new GatewayError('ERR_GATEWAY_FORBIDDEN', message);
}
