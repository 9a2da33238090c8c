import type { Found, MessageRef, Progress } from '../imap/index.js';
import type { FolderRecord } from './store/index.js';

/** How far the folder has been looked through, and which push mails in it are still open. */
export interface FolderProgress {
  readonly progress: Progress | undefined;
  /** UID to channel. */
  readonly open: ReadonlyMap<number, string>;
}

/** What the store knows, as it was left. */
export function fromRecord(record: FolderRecord | undefined): FolderProgress {
  if (record === undefined) return { progress: undefined, open: new Map() };
  const { uidValidity, lastUid, open } = record;
  return { progress: { uidValidity, lastUid }, open: new Map(open.map(({ uid, channel }) => [uid, channel])) };
}

/** What the store is to know. */
export function toRecord({ progress, open }: FolderProgress & { readonly progress: Progress }): FolderRecord {
  return { ...progress, open: [...open].map(([uid, channel]) => ({ uid, channel })) };
}

/** After a look: what was found of our channels is open, what is gone is not. */
export function afterLook(
  before: FolderProgress,
  look: { readonly found: readonly Found[]; readonly gone: readonly number[]; readonly progress: Progress },
): FolderProgress & { readonly progress: Progress } {
  const open = new Map(before.progress?.uidValidity === look.progress.uidValidity ? before.open : []);
  for (const uid of look.gone) open.delete(uid);
  for (const { uid, channel } of look.found) open.set(uid, channel);
  return { progress: look.progress, open };
}

/** After a message was removed or let go of. */
export function without(before: FolderProgress, message: MessageRef): FolderProgress {
  if (before.progress?.uidValidity !== message.uidValidity || !before.open.has(message.uid)) return before;
  const open = new Map(before.open);
  open.delete(message.uid);
  return { ...before, open };
}
