/** How far a folder has been looked through: everything up to `lastUid` under this UIDVALIDITY. */
export interface Progress {
  /** Decimal, as the server gives it (RFC 9051 §2.3.1.1). */
  readonly uidValidity: string;
  readonly lastUid: number;
}

/** What SELECT says about a folder. */
export interface FolderState {
  readonly uidValidity: string;
  /** The UID that the next message will get. */
  readonly uidNext: number;
}

/** Whether a UID still means the message that it meant before: UIDNEXT never goes back, unless a backup was restored. */
export function isSameNumbering(before: FolderState, now: FolderState): boolean {
  return before.uidValidity === now.uidValidity && before.uidNext <= now.uidNext;
}

/** What to look at when a folder has been opened. */
export type LookPlan =
  /** The first time ever: nothing that is there can be for us; begin behind it. */
  | { readonly kind: 'begin'; readonly lastUid: number }
  /** Nothing has come since the last look. */
  | { readonly kind: 'nothing'; readonly before: Progress }
  /** Messages from this UID on are new. */
  | { readonly kind: 'since'; readonly before: Progress; readonly firstUid: number; readonly lastUid: number }
  /** The UIDs of before mean nothing any more: search the last {@link searchBackDays} days by header. */
  | { readonly kind: 'search'; readonly lastUid: number };

/** No push lives longer than its TTL, 28 days at most; one more for the time zones of SEARCH SINCE. */
export const searchBackDays = 29;

/**
 * Decides what to look at after SELECT, so that the cost of a start depends on what is new and not on what is there.
 *
 * A UIDNEXT that has gone back under the same UIDVALIDITY is a server's fault (RFC 9051 §2.3.1.1 forbids it); it is taken
 * like a new UIDVALIDITY, because nothing may be lost.
 */
export function planLook(progress: Progress | undefined, folder: FolderState): LookPlan {
  const lastUid = folder.uidNext - 1;
  if (progress === undefined) return { kind: 'begin', lastUid };
  if (progress.uidValidity !== folder.uidValidity || lastUid < progress.lastUid) return { kind: 'search', lastUid };
  if (lastUid === progress.lastUid) return { kind: 'nothing', before: progress };
  return { kind: 'since', before: progress, firstUid: progress.lastUid + 1, lastUid };
}
