import type { Runtime } from '../runtime.js';
import { aborted, whenAborted } from './abort.js';
import { PushError } from './errors.js';

/** The time that one push has, from the call to its end. */
export interface Lifetime {
  /** Aborted when the time is over; its reason is the {@link PushError} that the push ends with. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline. */
  readonly leftMs: () => number;
  /** A try is on its way to the server. */
  readonly begin: () => void;
  /** The try has failed. */
  readonly fail: (error: unknown) => void;
  /** What the last try that failed ended with. */
  readonly lastFailure: () => PushError | undefined;
  /** The push has ended: nothing is waited for any more. */
  readonly end: () => void;
}

/** What bounds a {@link Lifetime}. */
export interface LifetimeOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Why no push is tried at the moment, if there is a reason. */
  readonly standstill: () => PushError | undefined;
  readonly runtime: Runtime;
}

/** Begins the time of a push: it is over at its deadline, or when `signal` is aborted. */
export function beginLifetime({ deadlineMs, signal, standstill, runtime }: LifetimeOptions): Lifetime {
  const over = new AbortController();
  const settled = new AbortController();
  const deadlineAt = runtime.monotonicMs() + deadlineMs;
  let isUnderway = false;
  let lastFailure: PushError | undefined;

  const unhook = signal && whenAborted(signal, () => over.abort(aborted(signal)));
  runtime.sleep(deadlineMs, settled.signal).then(
    () => over.abort(tooLate(isUnderway, lastFailure ?? standstill())),
    () => {}, // it has ended before
  );
  return {
    signal: over.signal,
    leftMs: () => deadlineAt - runtime.monotonicMs(),
    begin: () => {
      isUnderway = true;
    },
    fail: (error) => {
      isUnderway = false;
      if (error instanceof PushError) lastFailure = error;
    },
    lastFailure: () => lastFailure,
    end: () => {
      unhook?.();
      settled.abort();
    },
  };
}

/** A deadline tells the last failure. A try that is still on its way may succeed yet, so that is told instead. */
function tooLate(isUnderway: boolean, lastFailure: PushError | undefined): PushError {
  if (isUnderway) {
    const sentence =
      'The SMTP server has not answered in time, and may have taken the push; send it again with the same id.';
    const { smtpResponse } = lastFailure ?? {};
    return new PushError('ERR_SMTP_UNAVAILABLE', sentence, {
      disposition: 'transient',
      smtpResponse,
      cause: lastFailure,
    });
  }
  if (lastFailure !== undefined) return lastFailure;
  const sentence = 'The push did not get its turn in time; send it again later, or fewer at once.';
  return new PushError('ERR_SENDER_BUSY', sentence, { disposition: 'transient' });
}
