import { PushError } from './errors.js';

/** How a push is tried again. */
export interface RetryPolicy {
  /** Most further tries. */
  readonly most: number;
  /** The pause before the first further try, in milliseconds; each later one is twice as long. */
  readonly firstPauseMs: number;
  /** The longest pause, in milliseconds. */
  readonly longestPauseMs: number;
}

/** A try that failed, and what there is left for another one. */
export interface FailedTry {
  readonly error: unknown;
  /** How many tries there were, this one among them. */
  readonly tries: number;
  /** Until the deadline, in milliseconds. */
  readonly deadlineLeftMs: number;
  /** Until the push is worth nothing any more, in milliseconds. */
  readonly ttlLeftMs: number;
  /** From 0 to 1: varies the pause by a half either way, so that what failed together does not come back together. */
  readonly random: number;
}

/** Another try after a pause, or the end and what it ends with. */
export type RetryDecision =
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'end'; readonly error: unknown };

/**
 * Decides what comes after a failed try, by the disposition of its error (RFC 5321 §4.5.4.1): only what a server refused
 * for now, and what did not reach it, is tried again, with pauses that double, as long as there is time. It ends at once
 * when the next try would come too late, with the failure itself; or with `ERR_PUSH_EXPIRED` if it is the TTL that ends.
 */
export function planRetry(failed: FailedTry, policy: RetryPolicy): RetryDecision {
  const { error, tries, deadlineLeftMs, ttlLeftMs, random } = failed;
  if (!isWorthRetrying(error) || tries > policy.most) return { kind: 'end', error };
  const afterMs = Math.min(policy.longestPauseMs, policy.firstPauseMs * 2 ** (tries - 1)) * (0.5 + random);
  if (afterMs >= ttlLeftMs && ttlLeftMs <= deadlineLeftMs) return { kind: 'end', error: expired(error) };
  return afterMs < deadlineLeftMs ? { kind: 'again', afterMs } : { kind: 'end', error };
}

/** What a push ends with whose TTL has ended, after a failure or before its first try. */
export function expired(lastFailure?: PushError): PushError {
  return new PushError('ERR_PUSH_EXPIRED', 'The TTL of the push ended before it could be sent; make a new one.', {
    cause: lastFailure,
    smtpResponse: lastFailure?.smtpResponse,
  });
}

function isWorthRetrying(error: unknown): error is PushError {
  return error instanceof PushError && (error.code === 'ERR_SMTP_BUSY' || error.code === 'ERR_SMTP_UNAVAILABLE');
}
