import type { Found, MessageRef, Progress } from '../imap/index.js';
import type { Log } from '../runtime.js';
import type { FolderRecord, Store } from './store/index.js';

/** How far a folder has been looked through, and which push mails in it are still open; in memory and on disk. */
export interface FolderProgress {
  readonly progress: Progress | undefined;
  openUids(): readonly number[];
  /** The channel that an open message is for. */
  channelOf(uid: number): string | undefined;
  /** After a look: what was found is open, what is gone is not. Resolves when it is on disk, or cannot be. */
  looked(look: {
    readonly found: readonly Found[];
    readonly gone: readonly number[];
    readonly progress: Progress;
  }): Promise<void>;
  /** A message was removed, or is of no interest any more. */
  letGo(message: MessageRef): void;
}

/**
 * Keeps the progress of a folder. What cannot be written is only logged: it is a note for the next start, and without it
 * something is looked at once more.
 */
export function createFolderProgress(
  store: Pick<Store, 'saveLook' | 'closeMessage'>,
  log: Log,
  folder: string,
  known: FolderRecord | undefined,
): FolderProgress {
  const open = new Map(known?.open.map(({ uid, channel }) => [uid, channel]));
  let progress: Progress | undefined =
    known === undefined ? undefined : { uidValidity: known.uidValidity, lastUid: known.lastUid };

  async function noted(write: Promise<void>): Promise<void> {
    try {
      await write;
    } catch (err) {
      log.error({ event: 'store.write', err }, 'How far the mailbox was looked through is not on disk.');
    }
  }

  return {
    get progress() {
      return progress;
    },
    openUids: () => [...open.keys()],
    channelOf: (uid) => open.get(uid),
    looked: async ({ found, gone, progress: reached }) => {
      const renumbered = progress?.uidValidity !== reached.uidValidity;
      if (renumbered) open.clear();
      for (const uid of gone) open.delete(uid);
      for (const { uid, channel } of found) open.set(uid, channel);
      progress = reached;
      await noted(store.saveLook(folder, { progress: reached, opened: found, closed: gone, renumbered }));
    },
    letGo: ({ uid, uidValidity }) => {
      if (uidValidity !== progress?.uidValidity || !open.delete(uid)) return;
      void noted(store.closeMessage(folder, uid));
    },
  };
}
