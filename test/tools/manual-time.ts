import { createRuntime, type Runtime } from '../../src/runtime.js';

/** A clock that stands still until it is told to go on. */
export interface ManualTime {
  readonly runtime: Runtime;
  /** For how much longer each sleeper sleeps, in milliseconds, in the order in which they lay down. */
  sleepers(): number[];
  /** Lets time pass and wakes whose time has come. */
  pass(ms: number): void;
  /** Sets the wall clock forward as if the machine had been asleep: nothing else notices. */
  suspend(ms: number): void;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** Makes a clock that shows noon of 2026-01-01 UTC. */
export function createManualTime(): ManualTime {
  let noon = Date.UTC(2026, 0, 1, 12);
  const sleepers = new Set<Sleeper>();
  let now = 0;

  async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const sleeper: Sleeper = { until: now + ms, wake };
      sleepers.add(sleeper);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }

  return {
    runtime: { ...createRuntime(), now: () => noon + now, monotonicMs: () => now, sleep },
    sleepers: () => [...sleepers].map(({ until }) => until - now),
    suspend: (ms) => {
      noon += ms;
    },
    pass: (ms) => {
      now += ms;
      for (const sleeper of [...sleepers]) {
        if (sleeper.until > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
  };
}
