import type { Connection } from './connection.js';
import { ImapError, lostError, refusedError } from './errors.js';
import { type FetchedMail, fetchMail } from './fetch-mail.js';
import type { MessageRef } from './message-ref.js';
import type { OpenFolder } from './open-folder.js';
import type { Reach } from './reach.js';
import { type Removed, removeMessages } from './remove.js';

/** A folder that has been looked at over a connection, and what may be removed from it. */
export interface Visited {
  readonly folder: OpenFolder;
  readonly reach: Reach;
}

/** A connection, and the folders that have been looked at over it, by their names. */
export interface Session {
  readonly connection: Connection;
  readonly visited: Map<string, Visited>;
}

/**
 * A folder beside the main one that cannot be opened ends no connection: the message there is tried again for a while.
 *
 * @throws ImapError `ERR_IMAP_REFUSED` instead of `ERR_IMAP_FOLDER`.
 */
async function asRefusal<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    throw error instanceof ImapError && error.code === 'ERR_IMAP_FOLDER' ? refusedError(error.cause) : error;
  }
}

function visitedOf({ visited }: Session, folder: string): Visited {
  const found = visited.get(folder);
  // Not looked at on this connection yet, so that nothing is known of what its UIDs mean now.
  if (found === undefined) throw lostError();
  return found;
}

/** See `Mailbox.fetch`. */
export async function fetchOver(session: Session, message: MessageRef, maxBytes: number): Promise<FetchedMail> {
  const { folder } = visitedOf(session, message.folder);
  if (message.uidValidity !== folder.uidValidity) return { kind: 'gone' };
  return await asRefusal(folder.run((client) => fetchMail(client, message.uid, maxBytes)));
}

/** See `Mailbox.remove`. */
export async function removeOver(session: Session, messages: readonly MessageRef[]): Promise<Removed> {
  let removed: Removed = 'removed';
  for (const name of new Set(messages.map(({ folder }) => folder))) {
    const { folder, reach } = visitedOf(session, name);
    const uids = reach.within(messages.filter((message) => message.folder === name));
    if (uids.length === 0) continue;
    const { removal } = session.connection;
    const done = await asRefusal(folder.run((client) => removeMessages(client, removal, uids), 'change'));
    if (done === 'left') removed = done;
  }
  return removed;
}
