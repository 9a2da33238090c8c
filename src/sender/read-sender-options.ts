import { isFingerprint } from '../notify-spec/index.js';
import { invalid } from './errors.js';
import type { PacingLimits } from './pacing.js';
import type { RetryPolicy } from './retry-plan.js';
import type { PacingOptions, RetryOptions } from './sender-options.js';

const maxConnections = 100;
const maxRetries = 1000;
const maxPauseMs = 3_600_000;
const maxDeadlineMs = 86_400_000;
const maxPerMinute = 10_000;

/** Default 5. Throws `ERR_OPTION_INVALID`, as the others here do. */
export function readConnections(connections = 5): number {
  return requireWhole('connections', connections, maxConnections);
}

/** Default five minutes, or what the sender has. */
export function readDeadline(deadlineMs = 300_000): number {
  return requireWhole('deadlineMs', deadlineMs, maxDeadlineMs);
}

/** Default: as often as there is time for, after a second, two, four… and a minute at most. */
export function readRetryPolicy(retry: RetryOptions = {}): RetryPolicy {
  if (typeof retry !== 'object' || retry === null) throw invalid('Give retry as an object, or leave it out.');
  const { most = maxRetries, firstPauseMs = 1000, longestPauseMs = Math.max(60_000, firstPauseMs) } = retry;
  return {
    most: most === 0 ? 0 : requireWhole('retry.most', most, maxRetries),
    firstPauseMs: requireWhole('retry.firstPauseMs', firstPauseMs, maxPauseMs),
    longestPauseMs: requireWhole('retry.longestPauseMs', longestPauseMs, maxPauseMs),
  };
}

/** Default: all connections but one, so that no domain can take them all, and no limit a minute. */
export function readPacing(pacing: PacingOptions | undefined = {}, connections: number): PacingLimits {
  if (typeof pacing !== 'object' || pacing === null) throw invalid('Give pacing as an object, or leave it out.');
  const { perDomain = Math.max(1, connections - 1), perDomainPerMinute } = pacing;
  return {
    mostInFlight: Math.min(connections, requireWhole('pacing.perDomain', perDomain, maxConnections)),
    mostPerMinute:
      perDomainPerMinute === undefined
        ? Number.POSITIVE_INFINITY
        : requireWhole('pacing.perDomainPerMinute', perDomainPerMinute, maxPerMinute),
    firstPauseMs: 5000,
    longestPauseMs: 300_000,
  };
}

/** In lower case, without the spaces that it is often shown with. */
export function readNextFingerprint(next: string | undefined): string | undefined {
  if (next === undefined) return undefined;
  const fingerprint = typeof next === 'string' ? next.replace(/ /g, '').toLowerCase() : '';
  if (!isFingerprint(fingerprint)) throw invalid('Give next as the fingerprint of a key, 40 hexadecimal digits.');
  return fingerprint;
}

function requireWhole(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`Give ${name} as a whole number from 1 to ${most}.`);
  }
  return value;
}
