import type { Runtime } from '../runtime.js';
import { onAbort } from './abort.js';
import type { RetryPlan } from './retry-plan.js';
import { sleepAwake } from './sleep-awake.js';

/** A pause that can be cut short. */
export interface WakeablePause {
  /** Cuts the pause short, or the next one if there is none at the moment. */
  wake(): void;
  /** A wake that came before this is for no pause any more. */
  forgetWake(): void;
  /** Waits as planned, at most until the signal is aborted; true if it was woken. */
  pass(plan: RetryPlan, runtime: Pick<Runtime, 'now' | 'sleep'>, signal: AbortSignal): Promise<boolean>;
}

/** Makes a pause that nobody has cut short. */
export function createWakeablePause(): WakeablePause {
  let woken = new AbortController();
  return {
    wake: () => woken.abort(),
    forgetWake: () => {
      if (woken.signal.aborted) woken = new AbortController();
    },
    pass: async ({ pauseMs, leastMs }, runtime, signal) => {
      const stopped = new AbortController();
      const forgets = [woken.signal, signal].map((each) => onAbort(each, () => stopped.abort()));
      try {
        await sleepAwake(leastMs, runtime, signal);
        await sleepAwake(pauseMs - leastMs, runtime, stopped.signal);
      } catch {
        // Woken or aborted.
      } finally {
        for (const forget of forgets) forget();
      }
      return woken.signal.aborted;
    },
  };
}
