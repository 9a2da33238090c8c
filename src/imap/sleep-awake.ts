import type { Runtime } from '../runtime.js';

/** How often it is asked whether the machine was asleep. Costs nothing on the network. */
const lookMs = 30_000;

/** The wall clock may be set by this much without anybody having slept. */
const toleranceMs = 10_000;

/**
 * Resolves after `ms`, or within half a minute after the machine was asleep: timers stand still then, while mail servers
 * and routers forget the connection. Rejects with the signal's reason when it is aborted.
 */
export async function sleepAwake(
  ms: number,
  runtime: Pick<Runtime, 'now' | 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  for (let left = ms; left > 0; left -= lookMs) {
    const nap = Math.min(left, lookMs);
    const wakeAt = runtime.now() + nap;
    await runtime.sleep(nap, signal);
    if (runtime.now() - wakeAt > toleranceMs) return;
  }
}
