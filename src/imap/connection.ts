import type { ListResponse } from 'imapflow';
import type { Runtime } from '../runtime.js';
import { onAbort } from './abort.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { closeUnlessHeard } from './answer-deadline.js';
import { isLoggedIn, isSelected } from './client.js';
import { createCommandQueue } from './command-queue.js';
import { logIn } from './log-in.js';
import type { FolderState } from './look-plan.js';
import { createNews } from './news.js';
import { createFolderSwitch, type OpenFolder } from './open-folder.js';
import { isFull } from './quota.js';
import { planRemoval, type RemovalPlan } from './removal-plan.js';
import { statusOf } from './select-folder.js';
import { onBye, onUnchangedExists } from './unsolicited.js';

/** For the command that is running, and then for LOGOUT, at the end: the whole process has 2 s. */
const goodbyeMs = 500;

/** One open connection. Commands run one after another; between them the caller idles in the main folder. */
export interface Connection {
  /** The folder of the account: the only one whose news are told. */
  readonly main: OpenFolder;
  /** How LIST names it: with the prefix of the namespace, if the server has one. */
  readonly mainPath: string;
  readonly removal: RemovalPlan;
  /** Whether the server announces new mail by itself (RFC 2177). */
  readonly canIdle: boolean;
  /** Opens another folder, by EXAMINE as long as nothing is to be changed in it. */
  visit(path: string): Promise<OpenFolder>;
  /** Goes back to the main folder if another one is open. */
  goHome(): Promise<void>;
  /** The state of a folder that need not be open (STATUS); undefined when the server gives none. */
  status(path: string): Promise<FolderState | undefined>;
  /** Whether the main folder takes no more mail; undefined when the server should know, and does not say. */
  isFull(): Promise<boolean | undefined>;
  /** All folders (LIST). */
  list(): Promise<readonly ListResponse[]>;
  /** Resolves when every command given so far has ended. */
  quiet(): Promise<void>;
  /**
   * Idles until a command is run, the server has had enough or the connection ends; not at all while a command runs or
   * another folder is open. Only when `canIdle`.
   */
  idle(): Promise<'broken' | 'ended by server'>;
  /** Whether the server could announce something now, and nothing has been asked of it. */
  readonly isIdling: boolean;
  /**
   * Asks for news after the commands before it, which also proves the line alive. When nothing comes for `checkAnswerMs`
   * the connection is closed and this rejects with `ERR_IMAP_LOST`. While it runs, another call is the same one.
   *
   * An idling server is asked by opening the main folder again (SELECT): so it cannot tell of an old state of it, and
   * what was deleted, renamed or numbered anew is noticed, which rejects as `OpenFolder.run` does. (STATUS tells the
   * same in fewer bytes, but "MUST NOT be used as a check for new messages in the selected mailbox", RFC 9051 §6.3.11.)
   * One that is asked oftener than every `checkMs`, because it does not idle, is asked by NOOP in between.
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

function trashOf(folders: readonly ListResponse[]): string | undefined {
  return folders.find(({ specialUse }) => specialUse === '\\Trash')?.path;
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
  const commands = createCommandQueue(client, failure, times.answerMs, runtime);
  const folders = createFolderSwitch(client, commands);
  const closed = new AbortController();
  const news = createNews();
  let main: OpenFolder | undefined;
  let mainPath: string | undefined;
  const isHome = (): boolean => folders.current === main && isSelected(client);
  const arrived = (path: string, messages: number): void => {
    // What another folder gets is seen when it is looked at.
    if (mainPath === undefined || path === mainPath) news.tell(messages);
  };
  client.on('exists', ({ path, count, prevCount }) => arrived(path, Math.max(0, count - prevCount)));
  onUnchangedExists(client, (path) => arrived(path, 0));
  onBye(client, () => news.tell(0));
  client.on('close', () => news.tell(0));

  const pause = (ms: number): Promise<void> => runtime.sleep(ms, closed.signal).catch(() => {});
  const list = (): Promise<readonly ListResponse[]> => commands.add((ask) => ask('login', (c) => c.list()));

  let checking: Promise<void> | undefined;
  let reopenedAt = runtime.monotonicMs();

  async function ask(folder: OpenFolder): Promise<void> {
    if (!client.idling && runtime.monotonicMs() - reopenedAt < times.checkMs) {
      await folder.run((c) => c.noop());
      return;
    }
    await folder.reopen();
    reopenedAt = runtime.monotonicMs();
  }

  async function check(): Promise<void> {
    const finished = new AbortController();
    // A large folder may take longer to open than the end of IDLE takes to be answered.
    const deadline = closeUnlessHeard(client, times.checkAnswerMs, runtime, finished.signal);
    try {
      if (main !== undefined) await ask(main);
    } finally {
      finished.abort();
      await deadline;
      checking = undefined;
    }
  }

  let forgetSignal = onAbort(signal, () => client.close());
  try {
    const opened = await folders.open(account.folder, 'change');
    main = opened;
    const listedPath = client.mailbox === false ? account.folder : client.mailbox.path;
    mainPath = listedPath;
    const capabilities = new Set(client.capabilities.keys());
    const trash = capabilities.has('X-GM-EXT-1') ? trashOf(await list()) : undefined;
    signal.throwIfAborted();
    forgetSignal();
    forgetSignal = onAbort(signal, () => {
      news.tell(0);
      void pause(goodbyeMs).then(() => client.close());
    });
    return {
      main: opened,
      mainPath: listedPath,
      removal: planRemoval(capabilities, trash),
      canIdle: capabilities.has('IDLE'),
      visit: (path) => folders.open(path, 'look'),
      goHome: async () => {
        if (!isHome()) await opened.reopen();
      },
      status: (path) => commands.add((ask) => ask('login', (c) => statusOf(c, path))),
      isFull: async () =>
        capabilities.has('QUOTA') && (await commands.add((ask) => ask('login', (c) => isFull(c, listedPath)))),
      list,
      quiet: commands.quiet,
      idle: async () => {
        // Between the parts of a command IDLE would hold up the rest of it.
        if (commands.isBusy || !isHome()) return 'broken';
        const before = commands.given;
        // It fails when the connection ends, which the caller sees anyway.
        await client.idle().catch(() => {});
        return commands.given === before && isSelected(client) ? 'ended by server' : 'broken';
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
        return !isLoggedIn(client);
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
