import { limits } from './limits.js';

/** How soon a device should be told (RFC 8030 §5.3). */
export type Urgency = 'very-low' | 'low' | 'normal' | 'high';

/** The four urgencies, the least urgent first. */
export const urgencies: readonly Urgency[] = ['very-low', 'low', 'normal', 'high'];

const topicPattern = /^[A-Za-z0-9_-]{1,32}$/;
const pushIdPattern = /^[!-:<-~]{1,64}$/;
const contentCodingPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const fingerprintPattern = /^[0-9A-Fa-f]{40}$/;

/** Whether `text` is one of the four urgencies, in lower case. */
export function isUrgency(text: string): text is Urgency {
  return (urgencies as readonly string[]).includes(text);
}

/** Whether `text` is a topic: 1 to 32 base64url characters (RFC 8030 §5.4). */
export function isTopic(text: string): boolean {
  return topicPattern.test(text);
}

/** Whether `text` is a push id: 1 to 64 visible ASCII characters other than `;`. */
export function isPushId(text: string): boolean {
  return pushIdPattern.test(text);
}

/** Whether `text` is the name of a content coding: an HTTP token (RFC 9110 §8.4.1) of at most 32 characters. */
export function isContentCoding(text: string): boolean {
  return contentCodingPattern.test(text);
}

/** Whether `text` is the fingerprint of a version 4 OpenPGP key: 40 hexadecimal digits in either case. */
export function isFingerprint(text: string): boolean {
  return fingerprintPattern.test(text);
}

/** Whether `seconds` is a time to live: a whole number that is not negative. */
export function isTtl(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds >= 0;
}

/** `seconds`, or 28 days if that is less. */
export function capTtl(seconds: number): number {
  return Math.min(seconds, limits.maxTtlSeconds);
}
