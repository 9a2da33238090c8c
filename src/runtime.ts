import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/** One log message with its facts; the object never holds a secret, a token, an endpoint or a payload. */
type LogMethod = (facts: Readonly<Record<string, unknown>>, message: string) => void;

/** The part of a pino logger that mailpush uses. */
export interface Log {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

/** What the program takes from its surroundings, injected so that tests can stand in for time and chance. */
export interface Runtime {
  /** Wall-clock time in milliseconds since 1970-01-01 UTC. */
  readonly now: () => number;
  /** Milliseconds on a clock that never goes back; only differences mean anything. */
  readonly monotonicMs: () => number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** `size` bytes from a cryptographic source. */
  readonly randomBytes: (size: number) => Uint8Array;
  readonly log: Log;
}

const silent: LogMethod = () => {};

/** A log that keeps nothing: the default of the libraries. */
export const silentLog: Log = { debug: silent, info: silent, warn: silent, error: silent };

/** The real surroundings: the system's clocks, timers and random source. */
export function createRuntime(log: Log = silentLog): Runtime {
  return {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: async (ms, signal) => {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    },
    randomBytes: (size) => new Uint8Array(randomBytes(size)),
    log,
  };
}
