import { lostError } from './errors.js';
import type { Found } from './look.js';
import type { FolderState, Progress } from './look-plan.js';
import type { MessageRef } from './message-ref.js';

/**
 * What may be removed over one connection: the messages that were found on it. A UID from before says nothing until
 * its message has been looked at again, because a server that was restored from a backup may have given it to a letter.
 */
export interface Reach {
  /** These were found, again or for the first time. */
  found(messages: readonly Found[]): void;
  /** All that was open has been looked at. */
  caughtUp(): void;
  /**
   * The UIDs of those messages that may be removed.
   *
   * @throws ImapError `ERR_IMAP_LOST` while one of them is still to be looked at.
   */
  within(messages: readonly MessageRef[]): number[];
}

/** Makes the reach of a connection that has just been made. */
export function createReach(folder: FolderState, before: Progress | undefined): Reach {
  // Whatever has a higher UID is looked at on this connection before anybody hears of it.
  const lastUidBefore = before?.uidValidity === folder.uidValidity ? before.lastUid : 0;
  const foundAgain = new Set<number>();
  let hasCaughtUp = false;
  return {
    found: (messages) => {
      for (const { uid } of messages) if (uid <= lastUidBefore) foundAgain.add(uid);
    },
    caughtUp: () => {
      hasCaughtUp = true;
    },
    within: (messages) => {
      const uids = messages.filter(({ uidValidity }) => uidValidity === folder.uidValidity).map(({ uid }) => uid);
      const known = uids.filter((uid) => uid > lastUidBefore || foundAgain.has(uid));
      if (known.length < uids.length && !hasCaughtUp) throw lostError();
      return known;
    },
  };
}
