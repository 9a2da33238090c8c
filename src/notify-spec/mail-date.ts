import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const daySeconds = 86_400;

/**
 * Writes a date for a mail header, in UTC and to the second: `Sat, 21 Nov 2026 01:19:18 +0000` (RFC 5322 §3.3).
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_FIELD_INVALID` for an invalid date and one outside the years 1970 to 9999.
 */
export function formatMailDate(date: Date): string {
  unixSeconds(date);
  return date.toUTCString().replace('GMT', '+0000');
}

/**
 * When a mail of `date` may be thrown away unread: `date` plus the TTL, rounded up to midnight UTC, so that the outside
 * of a push tells less about its TTL (the Expires of RFC 2156, registered by RFC 4021).
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_FIELD_INVALID` as {@link formatMailDate} does.
 */
export function expiryDate(date: Date, ttlSeconds: number): Date {
  return new Date(Math.ceil((unixSeconds(date) + ttlSeconds) / daySeconds) * daySeconds * 1000);
}

function unixSeconds(date: Date): number {
  const seconds = Math.floor(date.getTime() / 1000);
  if (!(seconds >= 0 && seconds <= limits.maxTimestamp)) {
    throw new NotifyError('ERR_NOTIFY_MAIL_FIELD_INVALID', 'Give a mail date between the years 1970 and 9999.');
  }
  return seconds;
}
