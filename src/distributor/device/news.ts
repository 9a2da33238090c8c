import type { Runtime } from '../../runtime.js';

/** A bell to wait for, which may have rung before. */
export interface News {
  ring(): void;
  /** Resolves when it has rung since the last time, after `maxMs` milliseconds, or when `signal` is aborted. */
  wait(maxMs: number, signal: AbortSignal): Promise<void>;
}

/** Makes one that has not rung. */
export function createNews({ sleep }: Pick<Runtime, 'sleep'>): News {
  let hasRung = false;
  let waiting: AbortController | undefined;
  return {
    ring: () => {
      hasRung = true;
      waiting?.abort();
    },
    wait: async (maxMs, signal) => {
      if (!hasRung) {
        waiting = new AbortController();
        await sleep(maxMs, AbortSignal.any([signal, waiting.signal])).catch(() => {});
        waiting = undefined;
      }
      hasRung = false;
    },
  };
}
