import type PQueue from 'p-queue';
import type { Runtime } from '../runtime.js';
import { PushError } from './errors.js';
import { freshPace, type PacingLimits, stepPace } from './pacing.js';
import { isNoConnection } from './smtp-socket.js';

const firstPauseMs = 1000;
const longestPauseMs = 10_000;

/** Keeps pushes from a server that none of them can get to, but for one now and then that looks. */
export interface ServerPause {
  /** A try begins; what comes back is told what it ended with, nothing if the mail was taken. */
  readonly begin: () => (error?: unknown) => void;
  /** Why no try begins now; undefined while they do. */
  readonly reason: () => PushError | undefined;
  /** Ends the pause that there is. */
  readonly close: () => void;
}

/**
 * Pauses `queue` while the server cannot be reached, or does not let us in, for a second and then ever longer up to ten. It
 * begins again with one try at a time: ten thousand pushes that wait are no ten thousand connections a second, nor logins.
 */
export function createServerPause(queue: PQueue, connections: number, runtime: Runtime): ServerPause {
  const limits: PacingLimits = {
    mostInFlight: connections,
    mostPerMinute: Number.POSITIVE_INFINITY,
    firstPauseMs,
    longestPauseMs,
  };
  const closed = new AbortController();
  let pace = freshPace(limits);
  let reason: PushError | undefined;

  function pauseFor(ms: number, error: PushError): void {
    reason = error;
    queue.pause();
    const resume = (): void => {
      reason = undefined;
      queue.start();
    };
    runtime.sleep(Math.ceil(ms), closed.signal).then(resume, resume);
  }

  return {
    begin: () => {
      const begunAtMs = runtime.monotonicMs();
      pace = stepPace(pace, { type: 'begun', nowMs: begunAtMs }, limits);
      return (error) => {
        const nowMs = runtime.monotonicMs();
        const before = pace;
        if (isShut(error)) {
          const [random = 0] = runtime.randomBytes(1);
          pace = stepPace(pace, { type: 'throttled', begunAtMs, nowMs, random: random / 255 }, limits);
          if (pace.pausedUntilMs !== before.pausedUntilMs) pauseFor(pace.pausedUntilMs - nowMs, error);
        } else {
          pace = stepPace(pace, isHeard(error) ? { type: 'taken', begunAtMs } : { type: 'failed' }, limits);
        }
        if (queue.concurrency !== pace.window) queue.concurrency = pace.window;
      };
    },
    reason: () => reason,
    close: () => closed.abort(),
  };
}

/** What the next push would meet as well. */
function isShut(error: unknown): error is PushError {
  if (!(error instanceof PushError)) return false;
  return error.code === 'ERR_SMTP_LOGIN' || error.code === 'ERR_SMTP_TLS' || isNoConnection(error.cause);
}

/** The server has taken the mail, or refused that one. */
function isHeard(error: unknown): boolean {
  if (error === undefined) return true;
  return error instanceof PushError && ['ERR_ENDPOINT_GONE', 'ERR_SMTP_REFUSED'].includes(error.code);
}
