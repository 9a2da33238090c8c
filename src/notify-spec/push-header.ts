import { formatAttributes, invalid, parseAttributes } from './attributes.js';
import { requireChannel } from './channel.js';
import {
  capTtl,
  isContentCoding,
  isFingerprint,
  isPushId,
  isTopic,
  isTtl,
  isUrgency,
  type Urgency,
} from './delivery-options.js';
import { limits } from './limits.js';
import { channelOf } from './routing-header.js';

/** What an inner Email-Notify header says about a push. */
export interface PushHeader {
  readonly channel: string;
  /** Push id: 1 to 64 visible ASCII characters other than `;`, unique per channel. */
  readonly id: string;
  /** When the push was made, in seconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  /** How long it is worth delivering, in seconds: 0 to 2 419 200. */
  readonly ttlSeconds: number;
  readonly urgency: Urgency;
  /** A push replaces the undelivered ones of the same topic; 1 to 32 base64url characters. */
  readonly topic?: string;
  /** HTTP content coding of the payload, in lower case; `aes128gcm` for a Web Push message (RFC 8291). */
  readonly contentCoding?: string;
  /** Fingerprint of the key that the sender will sign with next, 40 lower-case hexadecimal digits. */
  readonly nextFingerprint?: string;
}

const timestampPattern = /^[0-9]{1,12}$/;
const ttlPattern = /^[0-9]+$/;

/**
 * Reads the value of an inner Email-Notify header, folded or not. `c`, `i` and `t` are required; the defaults are a TTL
 * of 28 days, to which a longer one is capped, and the urgency `normal`. Unknown names are ignored.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` or `ERR_NOTIFY_VERSION_UNKNOWN`.
 */
export function parsePushHeader(value: string): PushHeader {
  const attributes = parseAttributes(value);
  const topic = attributes.get('topic');
  const contentCoding = attributes.get('enc')?.toLowerCase();
  const nextFingerprint = attributes.get('next')?.toLowerCase();
  return requireValid({
    channel: channelOf(attributes),
    id: attributes.get('i') ?? '',
    timestamp: parseTimestamp(attributes.get('t')),
    ttlSeconds: parseTtl(attributes.get('ttl')),
    urgency: parseUrgency(attributes.get('u')),
    ...(topic === undefined ? {} : { topic }),
    ...(contentCoding === undefined ? {} : { contentCoding }),
    ...(nextFingerprint === undefined ? {} : { nextFingerprint }),
  });
}

/**
 * Writes the value of an inner Email-Notify header, not folded: `v`, `c`, `i`, `t`, then those of `ttl`, `u`, `topic`,
 * `enc` and `next` that differ from their defaults. A TTL over 28 days is capped.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` or `ERR_NOTIFY_CHANNEL_INVALID` for what could not be read again.
 */
export function formatPushHeader(header: PushHeader): string {
  requireValid(header);
  const ttlSeconds = capTtl(header.ttlSeconds);
  return formatAttributes([
    ['v', '1'],
    ['c', requireChannel(header.channel)],
    ['i', header.id],
    ['t', String(header.timestamp)],
    ['ttl', ttlSeconds === limits.maxTtlSeconds ? undefined : String(ttlSeconds)],
    ['u', header.urgency === 'normal' ? undefined : header.urgency],
    ['topic', header.topic],
    ['enc', header.contentCoding?.toLowerCase()],
    ['next', header.nextFingerprint?.toLowerCase()],
  ]);
}

function requireValid(header: PushHeader): PushHeader {
  const { id, timestamp, ttlSeconds, urgency, topic, contentCoding, nextFingerprint } = header;
  if (!isPushId(id)) throw invalid('Give i=, a push id of 1 to 64 visible ASCII characters other than ";".');
  if (!Number.isInteger(timestamp) || timestamp < 0 || timestamp > limits.maxTimestamp) {
    throw invalid('Give t=, the time of the push in whole seconds since 1970.');
  }
  if (!isTtl(ttlSeconds)) throw invalid('Give the TTL as a whole number of seconds.');
  if (!isUrgency(urgency)) throw invalid('Give the urgency as very-low, low, normal or high.');
  if (topic !== undefined && !isTopic(topic)) throw invalid('Give a topic of 1 to 32 base64url characters.');
  if (contentCoding !== undefined && !isContentCoding(contentCoding)) {
    throw invalid('Give the content coding as one HTTP token of at most 32 characters.');
  }
  if (nextFingerprint !== undefined && !isFingerprint(nextFingerprint)) {
    throw invalid('Give the next fingerprint as 40 hexadecimal digits.');
  }
  return header;
}

/** NaN, which no check lets through, stands for what is no number. */
function parseTimestamp(text: string | undefined): number {
  return text !== undefined && timestampPattern.test(text) ? Number(text) : Number.NaN;
}

function parseTtl(text: string | undefined): number {
  if (text === undefined) return limits.maxTtlSeconds;
  // A few hundred digits are Infinity, and that is capped like any other number over 28 days.
  return ttlPattern.test(text) ? capTtl(Number(text)) : Number.NaN;
}

function parseUrgency(text: string | undefined): Urgency {
  const urgency = text ?? 'normal';
  if (!isUrgency(urgency)) throw invalid('Give the urgency as very-low, low, normal or high.');
  return urgency;
}
