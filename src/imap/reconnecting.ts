import type { Runtime } from '../runtime.js';
import type { ImapTimes } from './account.js';
import { supersededError } from './errors.js';
import { beginTry, forgiveFailures, noTries, planRetry, type RetryPlan } from './retry-plan.js';
import { createWakeablePause } from './wakeable-pause.js';

/** Connects to one account again and again, as `planRetry` says; keeps nothing but the times of it. */
export interface Reconnecting {
  /**
   * A try begins, under the signal that is returned: aborted with `signal`, and by a wake while the connection is being
   * made, because it may be made over a network that is gone. Not twice in a row, so that no storm keeps us from
   * connecting at all.
   */
  begin(signal: AbortSignal): AbortSignal;
  /** The try has become a connection. */
  opened(): void;
  /** The try, or the connection, has ended; returns for how long to wait in milliseconds. */
  ended(error: unknown): number;
  /** Waits that long, or until it is woken, or until the signal is aborted. */
  pause(signal: AbortSignal): Promise<void>;
  /** The line may be another now. */
  wake(): void;
}

/** Makes it for an account that was never connected to. */
export function createReconnecting(times: ImapTimes, runtime: Runtime): Reconnecting {
  const waiting = createWakeablePause();
  let tries = noTries;
  let plan: RetryPlan = { pauseMs: 0, leastMs: 0 };
  let opening: AbortController | undefined;
  let openedAt: number | undefined;
  let wasHurried = false;

  return {
    begin: (signal) => {
      waiting.forgetWake();
      tries = beginTry(tries, runtime.monotonicMs());
      opening = new AbortController();
      openedAt = undefined;
      return AbortSignal.any([signal, opening.signal]);
    },
    opened: () => {
      opening = undefined;
      openedAt = runtime.monotonicMs();
    },
    ended: (error) => {
      wasHurried = opening?.signal.aborted === true;
      opening = undefined;
      const now = runtime.monotonicMs();
      const openMs = openedAt === undefined ? undefined : now - openedAt;
      const random = (runtime.randomBytes(1)[0] ?? 0) / 256;
      const planned = planRetry(tries, { error, openMs }, times, now, random);
      tries = wasHurried ? forgiveFailures(tries) : planned.tries;
      plan = wasHurried ? { pauseMs: planned.plan.leastMs, leastMs: planned.plan.leastMs } : planned.plan;
      return plan.pauseMs;
    },
    pause: async (signal) => {
      if (await waiting.pass(plan, runtime, signal)) tries = forgiveFailures(tries);
    },
    wake: () => {
      if (opening === undefined) waiting.wake();
      else if (!wasHurried) opening.abort(supersededError());
    },
  };
}
