import { setTimeout as delay } from 'node:timers/promises';
import { type Line, type LineProcess, type LineProcessOptions, startLineProcess } from '../../src/demo/line-process.js';

/** A process that is started again whenever it ends, as a service manager does. */
export interface Supervised {
  /** SIGKILL. */
  kill(): void;
  /** How often it was started. */
  readonly starts: number;
  /** Exit codes and signals of those that ended by themselves. */
  readonly ends: readonly (number | NodeJS.Signals)[];
  /** Ends it for good. */
  stop(): Promise<void>;
}

/** Starts the process; `onLine` gets all that it says, of every start. */
export function supervise(
  options: LineProcessOptions,
  pauseMs: () => number,
  onLine: (line: Line) => void,
): Supervised {
  const over = new AbortController();
  const ends: (number | NodeJS.Signals)[] = [];
  let current: LineProcess | undefined;
  let starts = 0;

  async function run(): Promise<void> {
    while (!over.signal.aborted) {
      starts += 1;
      const child = startLineProcess(options);
      current = child;
      child
        .next((line) => {
          onLine(line);
          return false;
        })
        .catch(() => {});
      const end = await child.ended;
      if (end !== 'SIGKILL' && !over.signal.aborted) ends.push(end);
      await delay(pauseMs(), undefined, { signal: over.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    kill: () => current?.kill('SIGKILL'),
    get starts() {
      return starts;
    },
    ends,
    stop: async () => {
      over.abort();
      await current?.stop();
      await running;
    },
  };
}
