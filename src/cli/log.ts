import { destination, pino, stdTimeFunctions } from 'pino';
import { MailpushError } from '../errors.js';
import type { Log } from '../runtime.js';

/** Options of {@link createLog}. */
export interface LogOptions {
  /** Down to debug, and with the messages of errors that are not ours. */
  readonly verbose: boolean;
  /** What a server may repeat in an error, but belongs into no log unless it is verbose: address and user. */
  readonly unsaid: readonly string[];
}

interface ErrorFacts {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: ErrorFacts;
}

const maxCauses = 5;

/**
 * What of an error goes into the log. Our own messages hold no secret; those of libraries may, so of them only name and
 * code are written unless everything is asked for.
 */
function errorFacts(error: unknown, options: LogOptions, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error };
  const { verbose, unsaid } = options;
  const { code } = error as { code?: unknown };
  const message = verbose ? error.message : unsaid.reduce((text, word) => text.replaceAll(word, '…'), error.message);
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(verbose || error instanceof MailpushError ? { message } : {}),
    ...(error.cause instanceof Error && depth < maxCauses
      ? { cause: errorFacts(error.cause, options, depth + 1) }
      : {}),
  };
}

/** JSON lines on standard error, one per event. */
export function createLog(options: LogOptions): Log {
  const stream = destination({ fd: 2, sync: true });
  // Whoever read the log is gone: no reason to stop delivering.
  stream.on('error', () => {});
  return pino(
    {
      base: null,
      level: options.verbose ? 'debug' : 'info',
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: (error: unknown) => errorFacts(error, options) },
    },
    stream,
  );
}
