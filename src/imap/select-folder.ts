import type { ImapFlow } from 'imapflow';
import { folderError, unnumberedError } from './errors.js';
import type { FolderState } from './look-plan.js';

/**
 * Opens a folder.
 *
 * @param path as the server names it.
 * @throws ImapError `ERR_IMAP_FOLDER`, or `ERR_IMAP_REFUSED` when the server says that it will work later.
 */
export async function selectFolder(client: ImapFlow, path: string): Promise<FolderState> {
  const mailbox = await client.mailboxOpen(path).catch((cause: unknown) => {
    throw folderError(cause, path);
  });
  if (mailbox.uidValidity === undefined) throw unnumberedError(path, 'UIDVALIDITY');
  const uidNext = mailbox.uidNext || (await uidNextByStatus(client, path));
  if (!uidNext) throw unnumberedError(path, 'UIDNEXT');
  return { uidValidity: String(mailbox.uidValidity), uidNext };
}

/** UIDNEXT may be missing in the answer to SELECT (RFC 3501 §6.3.1), but not in that to STATUS. */
async function uidNextByStatus(client: ImapFlow, path: string): Promise<number | undefined> {
  const status = await client.status(path, { uidNext: true });
  return status === false ? undefined : status.uidNext;
}
