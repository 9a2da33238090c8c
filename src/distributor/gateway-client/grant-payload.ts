import { timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import type { GatewayState } from './state.js';

/** A grant that was asked for. */
export interface ReadGrant {
  readonly token: string;
  /** In ms since 1970. */
  readonly expires: number;
}

const maxGrantChars = 1024;

const payloadSchema = v.object({
  version: v.literal(1),
  gateway: v.string(),
  nonce: v.string(),
  grant: v.pipe(v.string(), v.maxLength(maxGrantChars), v.regex(/^[A-Za-z0-9_-]+$/)),
  expires: v.pipe(v.number(), v.integer(), v.maxValue(8.64e12)),
});

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/**
 * Reads a grant mail (docs/gateway.md, For distributors). Only the answer to the last request is taken: from the gateway that
 * was asked, on the control channel that it was given, with the nonce that nobody else has.
 *
 * @returns the grant, or why it is none as the end of a sentence.
 */
export function readGrant(
  payload: Uint8Array,
  channel: string,
  { url, request }: Pick<GatewayState, 'url' | 'request'>,
  now: number,
): ReadGrant | { readonly problem: string } {
  if (request.stage === 'none' || request.stage === 'preparing' || request.channel !== channel) {
    return { problem: 'it was not asked for' };
  }
  const result = v.safeParse(payloadSchema, parsed(payload));
  if (!result.success) return { problem: 'it is not one of version 1' };
  const { gateway, nonce, grant, expires } = result.output;
  if (gateway !== url) return { problem: 'it is of another gateway' };
  if (!isSame(nonce, request.nonce)) return { problem: 'it answers another request' };
  if (expires * 1000 <= now) return { problem: 'it has expired' };
  return { token: grant, expires: expires * 1000 };
}
