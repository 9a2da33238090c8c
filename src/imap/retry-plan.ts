import type { ImapTimes } from './account.js';
import { backOffMs } from './back-off.js';
import { ImapError } from './errors.js';
import { loginDelayMs, withLogin } from './login-limit.js';

/** The connections to one account so far, as far as it matters for the next. */
export interface Tries {
  /** How many in a row failed, or did not last. */
  readonly failures: number;
  /** How many logins in a row were refused. */
  readonly refusals: number;
  /** When the last ones were begun; see `loginDelayMs`. */
  readonly begunAt: readonly number[];
}

/** When to connect again. */
export interface RetryPlan {
  /** After this, unless something wakes us. */
  readonly pauseMs: number;
  /** Not before this, whatever happens. */
  readonly leastMs: number;
}

/** Before the first connection. */
export const noTries: Tries = { failures: 0, refusals: 0, begunAt: [] };

/** A connection is begun. */
export function beginTry(tries: Tries, now: number): Tries {
  return { ...tries, begunAt: withLogin(tries.begunAt, now) };
}

/** Something has happened that makes the failures so far mean little: the machine was asleep, or the network changed. */
export function forgiveFailures(tries: Tries): Tries {
  return { ...tries, failures: 0 };
}

/** Only a refusal that the server does not take back by itself. */
function isRefusedLogin(error: unknown): boolean {
  return error instanceof ImapError && error.code === 'ERR_IMAP_LOGIN' && error.disposition === 'action-required';
}

/** Whether it does not pass by itself. */
function isForSomebody(error: unknown): boolean {
  return error instanceof ImapError && error.disposition === 'action-required' && error.code !== 'ERR_IMAP_FOLDER';
}

/**
 * A connection has ended, or could not be made.
 *
 * | why | pause | may be cut short |
 * |---|---|---|
 * | it had lasted `answerMs` | `retryFirstMs` | yes |
 * | anything that passes; a folder, which may be made at any moment | doubles from `retryFirstMs` to `retryMaxMs` | yes |
 * | certificate: somebody has to act | `retryMaxMs` | yes: it may be the network's own login page |
 * | login refused | doubles from `retryMaxMs` to `refusedMaxMs` | no: knocking again with a refused password locks accounts |
 *
 * Every pause is between half of that and all of it, and is longer if there were too many logins.
 *
 * @param ended why, and how long the folder had been open; `undefined` if it never was.
 * @param random from 0 (included) to 1 (excluded).
 */
export function planRetry(
  tries: Tries,
  ended: { readonly error: unknown; readonly openMs: number | undefined },
  times: ImapTimes,
  now: number,
  random: number,
): { readonly tries: Tries; readonly plan: RetryPlan } {
  const { error, openMs } = ended;
  const { retryFirstMs, retryMaxMs, refusedMaxMs, answerMs } = times;
  const limitMs = loginDelayMs(tries.begunAt, times.loginsPerMinute, now);
  if (isRefusedLogin(error)) {
    const pauseMs = Math.max(
      limitMs,
      backOffMs(tries.refusals, retryMaxMs, Math.max(retryMaxMs, refusedMaxMs), random),
    );
    return {
      tries: { ...tries, failures: tries.failures + 1, refusals: tries.refusals + 1 },
      plan: { pauseMs, leastMs: pauseMs },
    };
  }
  // Only a connection that has lasted shows that the server is well.
  const failures = openMs !== undefined && openMs > answerMs ? 0 : tries.failures;
  const first = isForSomebody(error) ? retryMaxMs : retryFirstMs;
  return {
    tries: { ...tries, failures: failures + 1, refusals: openMs === undefined ? tries.refusals : 0 },
    plan: { pauseMs: Math.max(limitMs, backOffMs(failures, first, retryMaxMs, random)), leastMs: limitMs },
  };
}
