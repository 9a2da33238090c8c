import { capTtl, isContentCoding, isTopic, isUrgency, limits, type Urgency } from '../notify-spec/index.js';
import { GatewayError, type GatewayErrorCode } from './gateway-error.js';

/** The header fields of a request by lower-case name, each with all its values: Node's `headersDistinct`. */
export type HeaderFields = Readonly<Record<string, readonly string[] | undefined>>;

/** How a push is to be delivered. */
export interface Delivery {
  /** Capped at 28 days. */
  readonly ttlSeconds: number;
  readonly urgency: Urgency;
  readonly topic?: string;
}

/**
 * Reads TTL, Urgency and Topic of a push (RFC 8030 §5.2, §5.3, §5.4), in this order. Each may come once.
 *
 * Throws `ERR_GATEWAY_TTL_MISSING`, `ERR_GATEWAY_TTL`, `ERR_GATEWAY_URGENCY` or `ERR_GATEWAY_TOPIC`.
 */
export function readDelivery(fields: HeaderFields): Delivery {
  const ttlSeconds = readTtl(fields);
  const urgency = readUrgency(fields);
  const topic = readTopic(fields);
  return { ttlSeconds, urgency, ...(topic === undefined ? {} : { topic }) };
}

/**
 * Reads the content coding of a push, in lower case; undefined if there is none. Which one it is is up to the app: bodies
 * are opaque (RFC 8030 §5).
 *
 * Throws `ERR_GATEWAY_CODING` for several codings, and for what is no token of up to 32 characters, as a push can name only one.
 */
export function readCoding(fields: HeaderFields): string | undefined {
  const sentence = 'Give one Content-Encoding, such as aes128gcm, or none.';
  const coding = single(fields, 'content-encoding', 'ERR_GATEWAY_CODING', sentence);
  if (coding === undefined) return undefined;
  if (!isContentCoding(coding)) throw new GatewayError('ERR_GATEWAY_CODING', sentence);
  return coding.toLowerCase();
}

function readTtl(fields: HeaderFields): number {
  const sentence = 'Give one TTL, in whole seconds.';
  const ttl = single(fields, 'ttl', 'ERR_GATEWAY_TTL', sentence);
  if (ttl === undefined) throw new GatewayError('ERR_GATEWAY_TTL_MISSING', sentence);
  if (!/^[0-9]+$/.test(ttl)) throw new GatewayError('ERR_GATEWAY_TTL', sentence);
  return capTtl(Number(ttl));
}

function readUrgency(fields: HeaderFields): Urgency {
  const sentence = 'Give one Urgency out of very-low, low, normal and high, or none.';
  // RFC 8030 §5.3 gives the names as strings of ABNF, which are in either case (RFC 5234 §2.3).
  const urgency = single(fields, 'urgency', 'ERR_GATEWAY_URGENCY', sentence)?.toLowerCase() ?? 'normal';
  if (!isUrgency(urgency)) throw new GatewayError('ERR_GATEWAY_URGENCY', sentence);
  return urgency;
}

function readTopic(fields: HeaderFields): string | undefined {
  const sentence = `Give one Topic of 1 to ${limits.topicChars} letters, digits, hyphens and underscores, or none.`;
  const topic = single(fields, 'topic', 'ERR_GATEWAY_TOPIC', sentence);
  if (topic !== undefined && !isTopic(topic)) throw new GatewayError('ERR_GATEWAY_TOPIC', sentence);
  return topic;
}

function single(fields: HeaderFields, name: string, code: GatewayErrorCode, sentence: string): string | undefined {
  const values = fields[name] ?? [];
  if (values.length > 1) throw new GatewayError(code, sentence);
  return values[0];
}
