import { aborted } from './abort.js';

/**
 * Runs a job after all earlier ones of its channel have ended, well or not. One that still waits when `signal` is aborted
 * leaves at once; one that runs keeps its turn.
 */
export type RunInOrder = <T>(channel: string, job: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** Makes a {@link RunInOrder}: jobs of one channel run one at a time in call order, those of others beside them. */
export function createChannelOrder(): RunInOrder {
  /** What waits on each channel that has a job running. */
  const waitingOf = new Map<string, Set<() => void>>();

  function next(channel: string): void {
    const waiting = waitingOf.get(channel);
    const [start] = waiting ?? [];
    if (start === undefined) waitingOf.delete(channel);
    else start();
  }

  return (channel, job, signal) =>
    new Promise((resolve, reject) => {
      const run = (): void => {
        job()
          .then(resolve, reject)
          .finally(() => next(channel));
      };
      const waiting = waitingOf.get(channel);
      if (waiting === undefined) {
        waitingOf.set(channel, new Set());
        run();
        return;
      }
      const leave = (): void => {
        waiting.delete(start);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(aborted(signal));
      };
      const start = (): void => {
        leave();
        run();
      };
      waiting.add(start);
      signal.addEventListener('abort', onAbort, { once: true });
    });
}
