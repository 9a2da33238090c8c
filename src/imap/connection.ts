import type { ImapFlow } from 'imapflow';
import PQueue from 'p-queue';
import type { Runtime } from '../runtime.js';
import { onAbort } from './abort.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { closeWhenSilent } from './answer-deadline.js';
import { isLoggedIn, isSelected } from './client.js';
import { ImapError, lostError, refusedError } from './errors.js';
import { logIn } from './log-in.js';
import type { FolderState } from './look-plan.js';
import { planRemoval, type RemovalPlan } from './removal-plan.js';
import { selectFolder } from './select-folder.js';
import { onUnchangedExists } from './unchanged-exists.js';

/** For the command that is running, and then for LOGOUT, at the end: the whole process has 2 s. */
const goodbyeMs = 500;

/** One open connection with its folder selected. Commands run one after another; between them the caller idles. */
export interface Connection {
  /** The name of the folder that is open. */
  readonly path: string;
  readonly folder: FolderState;
  readonly removal: RemovalPlan;
  /** Whether the server announces new mail by itself (RFC 2177). */
  readonly canIdle: boolean;
  /** How many messages are in the folder at the moment. */
  readonly messages: number;
  /**
   * Runs one command after those before it. Rejects with `ERR_IMAP_LOST` when the connection goes away or gives no
   * answer in time, with `ERR_IMAP_REFUSED` when the server says no.
   */
  run<T>(command: (client: ImapFlow) => Promise<T>): Promise<T>;
  /** Resolves when every command given so far has ended. */
  quiet(): Promise<void>;
  /**
   * Idles until a command is run, the server has had enough or the connection ends; not at all while a command runs.
   * Only when `canIdle`.
   */
  idle(): Promise<'broken' | 'ended by server'>;
  /** Whether the server could announce something now, and nothing has been asked of it. */
  readonly isIdling: boolean;
  /**
   * Asks for news after the commands before it, which also proves the line alive. When nothing comes for `checkAnswerMs`
   * the connection is closed and this rejects with `ERR_IMAP_LOST`. While it runs, another call is the same one.
   */
  check(): Promise<void>;
  /**
   * Calls back when messages may have come, with how many as far as it is known; when the connection ends; and when the
   * signal is aborted. What happened before is told at once.
   */
  onNews(listener: (arrived: number) => void): void;
  /** Whether it is of no use any more: closed, or the server has said BYE. */
  readonly isOver: boolean;
  /** Why the connection ended, if it did. */
  readonly error: unknown;
  /** Says goodbye to the server, for half a second at most, and closes. */
  close(): Promise<void>;
}

function trashOf(
  folders: readonly { readonly path: string; readonly specialUse?: string | undefined }[],
): string | undefined {
  return folders.find(({ specialUse }) => specialUse === '\\Trash')?.path;
}

/** Hands news to a listener, or keeps them until there is one. */
function createNews(): { tell: (arrived: number) => void; listen: (listener: (arrived: number) => void) => void } {
  let listener: ((arrived: number) => void) | undefined;
  let untold: number | undefined;
  return {
    tell: (arrived) => {
      if (listener === undefined) untold = (untold ?? 0) + arrived;
      else listener(arrived);
    },
    listen: (next) => {
      listener = next;
      if (untold !== undefined) next(untold);
      untold = undefined;
    },
  };
}

/**
 * Connects, logs in and opens the folder.
 *
 * Rejects with an {@link ImapError}: `ERR_IMAP_LOGIN`, `ERR_IMAP_UNREACHABLE`, `ERR_IMAP_TLS`, `ERR_IMAP_FOLDER`,
 * `ERR_IMAP_REFUSED` or `ERR_IMAP_LOST`; with whatever the account's `credentials` reject with; and with the signal's
 * reason when it is aborted. Nothing is left open then.
 */
export async function openConnection(
  account: ImapAccount,
  times: ImapTimes,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Connection> {
  const { flow: client, failure } = await logIn(account, times, runtime, signal);
  const commands = new PQueue({ concurrency: 1 });
  const closed = new AbortController();
  const news = createNews();
  let commandsRun = 0;
  client.on('exists', ({ count, prevCount }) => news.tell(Math.max(0, count - prevCount)));
  onUnchangedExists(client, () => news.tell(0));
  client.on('close', () => news.tell(0));

  const pause = (ms: number): Promise<void> => runtime.sleep(ms, closed.signal).catch(() => {});

  function lost(cause?: unknown): ImapError {
    client.close();
    return lostError(failure() ?? cause);
  }

  async function answer<T>(isReady: (client: ImapFlow) => boolean, command: (client: ImapFlow) => Promise<T>) {
    if (!isReady(client)) throw lost();
    const finished = new AbortController();
    const deadline = closeWhenSilent(client, times.answerMs, runtime, finished.signal);
    try {
      const result = await command(client);
      // After a BYE the library answers every command as if nothing were there, which is not the truth.
      if (!isReady(client)) throw lost();
      return result;
    } catch (cause) {
      if (!isReady(client)) throw lost(cause);
      throw cause instanceof ImapError ? cause : refusedError(cause);
    } finally {
      finished.abort();
      await deadline;
    }
  }

  async function run<T>(command: (client: ImapFlow) => Promise<T>): Promise<T> {
    commandsRun += 1;
    return await commands.add(() => answer(isSelected, command));
  }

  let checking: Promise<void> | undefined;

  async function check(): Promise<void> {
    const finished = new AbortController();
    const deadline = closeWhenSilent(client, times.checkAnswerMs, runtime, finished.signal);
    try {
      await run((c) => c.noop());
    } finally {
      finished.abort();
      await deadline;
      checking = undefined;
    }
  }

  let forgetSignal = onAbort(signal, () => client.close());
  try {
    const folder = await answer(isLoggedIn, (c) => selectFolder(c, account.folder));
    const capabilities = new Set(client.capabilities.keys());
    const trash = capabilities.has('X-GM-EXT-1') ? trashOf(await run((c) => c.list())) : undefined;
    signal.throwIfAborted();
    forgetSignal();
    forgetSignal = onAbort(signal, () => {
      news.tell(0);
      void pause(goodbyeMs).then(() => client.close());
    });
    return {
      path: account.folder,
      folder,
      removal: planRemoval(capabilities, trash),
      canIdle: capabilities.has('IDLE'),
      get messages() {
        return client.mailbox === false ? 0 : client.mailbox.exists;
      },
      run,
      quiet: () => commands.onIdle(),
      idle: async () => {
        // Between the parts of a command IDLE would hold up the rest of it.
        if (commands.size + commands.pending > 0) return 'broken';
        const before = commandsRun;
        // It fails when the connection ends, which the caller sees anyway.
        await client.idle().catch(() => {});
        return commandsRun === before && isSelected(client) ? 'ended by server' : 'broken';
      },
      get isIdling() {
        return client.idling;
      },
      check: () => {
        checking ??= check();
        return checking;
      },
      onNews: news.listen,
      get isOver() {
        return !isSelected(client);
      },
      get error() {
        return failure();
      },
      close: async () => {
        forgetSignal();
        if (!client.isClosed) await Promise.race([client.logout().catch(() => {}), pause(goodbyeMs)]);
        client.close();
        closed.abort();
      },
    };
  } catch (error) {
    forgetSignal();
    client.close();
    closed.abort();
    signal.throwIfAborted();
    throw error;
  }
}
