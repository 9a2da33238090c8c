import { destination, pino, stdTimeFunctions } from 'pino';
import { MailpushError } from '../errors.js';
import type { Log } from '../runtime.js';

interface ErrorFacts {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: ErrorFacts;
}

/**
 * What of an error goes into the log. Our own messages hold no secret and no address; those of libraries and servers may,
 * so of them only name and code are written unless everything is asked for.
 */
function errorFacts(error: unknown, verbose: boolean, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(verbose || error instanceof MailpushError ? { message: error.message } : {}),
    ...(error.cause instanceof Error && depth < 5 ? { cause: errorFacts(error.cause, verbose, depth + 1) } : {}),
  };
}

/** JSON lines on standard error, one per event; with `verbose` down to debug. */
export function createLog(verbose: boolean): Log {
  return pino(
    {
      base: null,
      level: verbose ? 'debug' : 'info',
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => errorFacts(error, verbose) },
    },
    destination({ fd: 2, sync: true }),
  );
}
