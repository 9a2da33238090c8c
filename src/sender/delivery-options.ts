import { capTtl, isPushId, isTopic, isTtl, isUrgency, limits, type Urgency } from '../notify-spec/index.js';
import { invalid } from './errors.js';
import type { PushOptions } from './push.js';

/** The options of a push, checked and with their defaults. */
export interface DeliveryOptions {
  readonly ttlSeconds: number;
  readonly urgency: Urgency;
  readonly topic?: string;
}

/** The push id that `options` ask for. Throws `ERR_OPTION_INVALID`. */
export function readPushId({ id }: PushOptions): string | undefined {
  if (id !== undefined && (typeof id !== 'string' || !isPushId(id))) {
    throw invalid(`The push id is 1 to ${limits.pushIdChars} visible ASCII characters other than ";".`);
  }
  return id;
}

/** Checks the options of a push. Throws `ERR_OPTION_INVALID`. A TTL over four weeks is capped. */
export function readDeliveryOptions(options: PushOptions): DeliveryOptions {
  const { TTL, ttl, urgency = 'normal', topic } = options;
  if (TTL !== undefined && ttl !== undefined && TTL !== ttl) {
    throw invalid('TTL and ttl differ; give one of them.');
  }
  const ttlSeconds = TTL ?? ttl ?? limits.maxTtlSeconds;
  if (!isTtl(ttlSeconds)) throw invalid('The TTL is a whole number of seconds, 0 or more.');
  if (!isUrgency(urgency)) throw invalid('The urgency is one of very-low, low, normal and high.');
  if (topic !== undefined && (typeof topic !== 'string' || !isTopic(topic))) {
    throw invalid(`The topic is 1 to ${limits.topicChars} letters, digits, hyphens and underscores.`);
  }
  return { ttlSeconds: capTtl(ttlSeconds), urgency, ...(topic === undefined ? {} : { topic }) };
}
