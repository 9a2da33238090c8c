import type { ImapFlow } from 'imapflow';
import type { Runtime } from '../runtime.js';
import { defaultTimes, type ImapAccount, type ImapTimes } from './account.js';
import { folderError, refusedError } from './errors.js';
import { logIn } from './log-in.js';

/** A folder as the server knows it. */
export interface FoundFolder {
  /** With the prefix of the user's folders, which IMAP and Sieve want and the configuration may leave out (RFC 2342). */
  readonly path: string;
  readonly is: 'there' | 'made' | 'missing';
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown } | null)?.code === 'NotFound';

function withPrefix({ namespace }: ImapFlow, path: string): string {
  const prefix = namespace?.prefix ?? '';
  return path.startsWith(prefix) ? path : `${prefix}${path}`;
}

async function find(flow: ImapFlow, folder: string, make: boolean): Promise<FoundFolder> {
  try {
    const status = await flow.status(folder, { uidNext: true });
    if (status === false) throw refusedError();
    return { path: status.path, is: 'there' };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  if (!make) return { path: withPrefix(flow, folder), is: 'missing' };
  const { path, created } = await flow.mailboxCreate(folder);
  return { path, is: created ? 'made' : 'there' };
}

/**
 * Looks for the account's folder over a connection of its own, which is closed then. Nothing is selected.
 *
 * Rejects as a login does, or with `ERR_IMAP_FOLDER` or `ERR_IMAP_REFUSED`.
 *
 * @param make whether to make it, and subscribe to it, if it is missing.
 */
export async function findFolder(
  account: ImapAccount,
  make: boolean,
  runtime: Runtime,
  signal: AbortSignal,
  times: ImapTimes = defaultTimes,
): Promise<FoundFolder> {
  const { flow } = await logIn(account, times, runtime, signal);
  try {
    return await find(flow, account.folder, make);
  } catch (cause) {
    signal.throwIfAborted();
    throw folderError(cause, account.folder);
  } finally {
    await flow.logout().catch(() => {});
    flow.close();
  }
}
