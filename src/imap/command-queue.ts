import type { ImapFlow } from 'imapflow';
import PQueue from 'p-queue';
import type { Runtime } from '../runtime.js';
import { closeWhenSilent } from './answer-deadline.js';
import { isLoggedIn, isSelected } from './client.js';
import { ImapError, lostError, refusedError } from './errors.js';

/** One thing that a client is asked to do. */
export type Command<T> = (client: ImapFlow) => Promise<T>;

/** What a command needs: a folder that is open, or only a login. */
export type Needs = 'folder' | 'login';

/** Runs a command now; see {@link CommandQueue.add} for what it rejects with. */
export type Ask = <T>(needs: Needs, command: Command<T>) => Promise<T>;

/** The commands of one client, one after another. */
export interface CommandQueue {
  /**
   * Runs a task after those before it. What it asks rejects with `ERR_IMAP_LOST` when the connection goes away or gives
   * no answer in time, with `ERR_IMAP_REFUSED` when the server says no.
   */
  add<T>(task: (ask: Ask) => Promise<T>): Promise<T>;
  /** Resolves when every task given so far has ended. */
  quiet(): Promise<void>;
  readonly isBusy: boolean;
  /** How many tasks have been given. */
  readonly given: number;
}

const isReadyFor = { folder: isSelected, login: isLoggedIn } as const;

/**
 * Makes an empty queue.
 *
 * @param failure why the connection has ended, as far as it is known.
 */
export function createCommandQueue(
  client: ImapFlow,
  failure: () => unknown,
  answerMs: number,
  runtime: Pick<Runtime, 'sleep'>,
): CommandQueue {
  const tasks = new PQueue({ concurrency: 1 });
  let given = 0;

  function lost(cause?: unknown): ImapError {
    client.close();
    return lostError(failure() ?? cause);
  }

  async function ask<T>(needs: Needs, command: Command<T>): Promise<T> {
    const isReady = isReadyFor[needs];
    if (!isReady(client)) throw lost();
    const finished = new AbortController();
    const deadline = closeWhenSilent(client, answerMs, runtime, finished.signal);
    try {
      const result = await command(client);
      // After a BYE the library answers every command as if nothing were there, which is not the truth.
      if (!isReady(client)) throw lost();
      return result;
    } catch (cause) {
      if (!isLoggedIn(client)) throw lost(cause);
      throw cause instanceof ImapError ? cause : refusedError(cause);
    } finally {
      finished.abort();
      await deadline;
    }
  }

  return {
    add: async (task) => {
      given += 1;
      return await tasks.add(() => task(ask));
    },
    quiet: () => tasks.onIdle(),
    get isBusy() {
      return tasks.size + tasks.pending > 0;
    },
    get given() {
      return given;
    },
  };
}
