import type { Runtime } from '../runtime.js';
import { throwIfAborted } from './abort.js';
import { PushError } from './errors.js';

/** Options of {@link retry}. */
export interface RetryOptions {
  /** Pause before each further try, in milliseconds. */
  readonly delaysMs: readonly number[];
  readonly runtime: Runtime;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `attempt` until it succeeds, fails with an error that is not transient, or no pause is left. Each pause is varied
 * by a half either way, so that senders which failed together do not come back together.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { delaysMs, runtime } = options;
  for (const delayMs of delaysMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PushError) || !isWorthRetrying(error)) throw error;
      runtime.log.debug({ code: error.code, delayMs }, 'A push did not get through and is tried again after a pause.');
    }
    const [random = 0] = runtime.randomBytes(1);
    await pause(delayMs * (0.5 + random / 255), options);
  }
  return attempt();
}

async function pause(ms: number, { runtime, signal }: RetryOptions): Promise<void> {
  try {
    await runtime.sleep(ms, signal);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

function isWorthRetrying(error: PushError): boolean {
  return error.code === 'ERR_SMTP_BUSY' || error.code === 'ERR_SMTP_UNAVAILABLE';
}
