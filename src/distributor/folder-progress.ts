import type { Found, MessageRef, Progress } from '../imap/index.js';
import type { Log } from '../runtime.js';
import type { FolderRecord, Store } from './store/index.js';

/** How far a folder has been looked through, and which push mails in it are still open; in memory and on disk. */
export interface FolderProgress {
  /** Undefined until the folder has been looked at for the first time. */
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
 * Keeps the progress of a folder. What cannot be written is logged and goes along with the next write: until then the disk
 * knows an older state, from which a new start would look at something once more.
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
  /** What is different in memory from what is on disk: the channel of a message that is open, undefined for one that is not. */
  let unwritten = new Map<number, string | undefined>();

  async function noted(write: Promise<void>): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (err) {
      log.error({ event: 'store.write', err }, 'How far the mailbox was looked through is not on disk.');
      return false;
    }
  }

  function set(uid: number, channel: string | undefined): void {
    if (open.get(uid) === channel) return;
    if (channel === undefined) open.delete(uid);
    else open.set(uid, channel);
    unwritten.set(uid, channel);
  }

  return {
    get progress() {
      return progress;
    },
    openUids: () => [...open.keys()],
    channelOf: (uid) => open.get(uid),
    looked: async ({ found, gone, progress: reached }) => {
      const isRenumbered = progress?.uidValidity !== reached.uidValidity;
      const isFurther = isRenumbered || progress?.lastUid !== reached.lastUid;
      if (isRenumbered) for (const uid of [...open.keys()]) set(uid, undefined);
      for (const uid of gone) set(uid, undefined);
      for (const { uid, channel } of found) set(uid, channel);
      progress = reached;
      if (!isFurther && unwritten.size === 0) return;
      const changes = [...unwritten];
      const opened = changes.flatMap(([uid, channel]) => (channel === undefined ? [] : [{ uid, channel }]));
      const closed = changes.flatMap(([uid, channel]) => (channel === undefined ? [uid] : []));
      if (await noted(store.saveLook(folder, { progress: reached, opened, closed }))) unwritten = new Map();
    },
    letGo: ({ uid, uidValidity }) => {
      if (uidValidity !== progress?.uidValidity || !open.delete(uid)) return;
      unwritten.delete(uid);
      void noted(store.closeMessage(folder, uid));
    },
  };
}
