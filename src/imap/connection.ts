import { ImapFlow } from 'imapflow';
import PQueue from 'p-queue';
import type { Runtime } from '../runtime.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { connectError, ImapError, lostError } from './errors.js';
import type { FolderState } from './look-plan.js';
import { planRemoval, type RemovalPlan } from './removal-plan.js';

/** For the command that is running, and then for LOGOUT, at the end: the whole process has 2 s. */
const goodbyeMs = 500;

/** The largest literal that is taken from a server; more ends the connection. Far above what is ever asked for. */
const maxLiteralBytes = 1_048_576;

/** One open connection with its folder selected. Commands run one after another; between them the caller idles. */
export interface Connection {
  readonly folder: FolderState;
  readonly removal: RemovalPlan;
  /** Whether the server announces new mail by itself (RFC 2177). */
  readonly canIdle: boolean;
  /**
   * Runs one command after those before it. Rejects with `ERR_IMAP_LOST` when the connection goes away or gives no
   * answer in time, with `ERR_IMAP_REFUSED` when the server says no.
   */
  run<T>(command: (client: ImapFlow) => Promise<T>): Promise<T>;
  /** Resolves when every command given so far has ended. */
  quiet(): Promise<void>;
  /** Idles until a command is run, the server has had enough or the connection ends. Only when `canIdle`. */
  idle(): Promise<'broken' | 'ended by server'>;
  /** Calls back when the number of messages changed, when the connection ends, and when the signal is aborted. */
  onNews(listener: () => void): void;
  readonly isClosed: boolean;
  /** Why the connection ended, if it did. */
  readonly error: unknown;
  /** Says goodbye to the server, for half a second at most, and closes. */
  close(): Promise<void>;
}

function clientFor(
  account: ImapAccount,
  times: ImapTimes,
  auth: { user: string; pass?: string; accessToken?: string },
) {
  return new ImapFlow({
    host: account.host,
    port: account.port,
    secure: account.security === 'tls',
    ...(account.security === 'tls' ? {} : { doSTARTTLS: account.security === 'starttls' }),
    auth,
    tls: { minVersion: 'TLSv1.2', ...(account.ca === undefined ? {} : { ca: account.ca }) },
    clientInfo: { name: 'mailpush', version: '', vendor: '', 'support-url': '' },
    logger: false,
    // Its automatic IDLE begins 15 s after a command; ours begins at once.
    disableAutoIdle: true,
    disableIMAP4rev2: true,
    connectionTimeout: times.connectMs,
    greetingTimeout: times.connectMs,
    // Deadlines are per command (see `run`); this one must only never fire before an IDLE is renewed.
    socketTimeout: Math.max(times.idleRestartMs, times.pollMs) + 2 * times.answerMs,
    maxLiteralSize: maxLiteralBytes,
    maxLineLength: maxLiteralBytes,
    maxResponseSize: 16 * maxLiteralBytes,
  });
}

function trashOf(
  folders: readonly { readonly path: string; readonly specialUse?: string | undefined }[],
): string | undefined {
  return folders.find(({ specialUse }) => specialUse === '\\Trash')?.path;
}

async function selectFolder(client: ImapFlow, path: string): Promise<FolderState> {
  try {
    const mailbox = await client.mailboxOpen(path);
    const uidNext = mailbox.uidNext || (await uidNextByStatus(client, path));
    return { uidValidity: String(mailbox.uidValidity), uidNext };
  } catch (cause) {
    if (client.isClosed) throw lostError(cause);
    throw new ImapError(
      'ERR_IMAP_FOLDER',
      `The folder "${path}" cannot be opened: check "folder" in the configuration, or create it in the mailbox.`,
      { cause, disposition: 'action-required' },
    );
  }
}

/** UIDNEXT is optional in the answer to SELECT (RFC 3501 §6.3.1), but not in that to STATUS. */
async function uidNextByStatus(client: ImapFlow, path: string): Promise<number> {
  const status = await client.status(path, { uidNext: true });
  return status === false ? 1 : (status.uidNext ?? 1);
}

/**
 * Connects, logs in and opens the folder.
 *
 * Rejects with an {@link ImapError}: `ERR_IMAP_LOGIN`, `ERR_IMAP_UNREACHABLE`, `ERR_IMAP_TLS`, `ERR_IMAP_FOLDER` or
 * `ERR_IMAP_LOST`, and with whatever the account's `credentials` reject with.
 */
export async function openConnection(
  account: ImapAccount,
  times: ImapTimes,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Connection> {
  const credentials = await account.credentials(signal);
  const client = clientFor(account, times, {
    user: account.user,
    ...(credentials.kind === 'token' ? { accessToken: credentials.token } : { pass: credentials.password }),
  });
  let failure: unknown;
  let listener: (() => void) | undefined;
  // Unheard, an 'error' event would end the process.
  client.on('error', (error: Error) => {
    failure ??= error;
  });
  client.on('exists', () => listener?.());
  client.on('close', () => listener?.());
  const abortConnecting = (): void => client.close();
  signal.addEventListener('abort', abortConnecting, { once: true });

  const commands = new PQueue({ concurrency: 1 });
  let commandsRun = 0;

  const pause = (ms: number): Promise<void> => runtime.sleep(ms).catch(() => {});

  async function run<T>(command: (client: ImapFlow) => Promise<T>): Promise<T> {
    commandsRun += 1;
    return await commands.add(async () => {
      if (client.isClosed) throw lostError(failure);
      const finished = new AbortController();
      const deadline = runtime.sleep(times.answerMs, finished.signal).then(
        () => client.close(),
        () => {},
      );
      try {
        return await command(client);
      } catch (cause) {
        if (cause instanceof ImapError) throw cause;
        if (client.isClosed) throw lostError(failure ?? cause);
        throw new ImapError('ERR_IMAP_REFUSED', 'The mail server refused a command: see the cause with --verbose.', {
          cause,
          disposition: 'transient',
        });
      } finally {
        finished.abort();
        await deadline;
      }
    });
  }

  try {
    try {
      await client.connect();
    } catch (cause) {
      signal.throwIfAborted();
      throw connectError(cause, account.host);
    }
    const folder = await run((c) => selectFolder(c, account.folder));
    const capabilities = new Set(client.capabilities.keys());
    const abort = (): void => {
      listener?.();
      void pause(goodbyeMs).then(() => client.close());
    };
    signal.removeEventListener('abort', abortConnecting);
    signal.addEventListener('abort', abort, { once: true });
    const trash = capabilities.has('X-GM-EXT-1') ? trashOf(await run((c) => c.list())) : undefined;
    return {
      folder,
      removal: planRemoval(capabilities, trash),
      canIdle: capabilities.has('IDLE'),
      run,
      quiet: () => commands.onIdle(),
      idle: async () => {
        const before = commandsRun;
        await client.idle();
        return commandsRun === before && !client.isClosed ? 'ended by server' : 'broken';
      },
      onNews: (next) => {
        listener = next;
      },
      get isClosed() {
        return client.isClosed;
      },
      get error() {
        return failure;
      },
      close: async () => {
        signal.removeEventListener('abort', abort);
        if (!client.isClosed) await Promise.race([client.logout().catch(() => {}), pause(goodbyeMs)]);
        client.close();
      },
    };
  } catch (error) {
    signal.removeEventListener('abort', abortConnecting);
    client.close();
    throw error;
  }
}
