import type { ImapFlow } from 'imapflow';
import { folderError, unnumberedError } from './errors.js';
import type { FolderState } from './look-plan.js';

/** A folder as it was when it was opened. */
export interface SelectedFolder extends FolderState {
  readonly messages: number;
  /** The server lets nothing be changed in it; always so after EXAMINE. */
  readonly isReadOnly: boolean;
}

/**
 * Opens a folder.
 *
 * @param path as the server names it.
 * @param access by EXAMINE if it is only looked at, else by SELECT.
 * @throws ImapError `ERR_IMAP_FOLDER`, or `ERR_IMAP_REFUSED` when the server says that it will work later.
 */
export async function selectFolder(client: ImapFlow, path: string, access: 'look' | 'change'): Promise<SelectedFolder> {
  const mailbox = await client.mailboxOpen(path, { readOnly: access === 'look' }).catch((cause: unknown) => {
    throw folderError(cause, path);
  });
  if (mailbox.uidValidity === undefined) throw unnumberedError(path, 'UIDVALIDITY');
  // It may be missing in the answer to SELECT (RFC 3501 §6.3.1), but not in that to STATUS.
  const uidNext = mailbox.uidNext || (await statusOf(client, path))?.uidNext;
  if (!uidNext) throw unnumberedError(path, 'UIDNEXT');
  const { exists: messages, readOnly: isReadOnly = access === 'look' } = mailbox;
  return { uidValidity: String(mailbox.uidValidity), uidNext, messages, isReadOnly };
}

/** The state of a folder by STATUS; undefined when the server refuses, or leaves out what matters. */
export async function statusOf(client: ImapFlow, path: string): Promise<FolderState | undefined> {
  const status = await client.status(path, { uidNext: true, uidValidity: true }).catch((error: unknown) => {
    if (isMissing(error)) return false as const;
    throw error;
  });
  if (status === false || status.uidValidity === undefined || !status.uidNext) return undefined;
  return { uidValidity: String(status.uidValidity), uidNext: status.uidNext };
}

/** What the library throws when the server says no and lists no such folder. */
function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'NotFound';
}
