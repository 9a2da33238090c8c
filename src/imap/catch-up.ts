import { type Found, lookAt, lookSince } from './look.js';
import { type Progress, planLook, searchBackDays } from './look-plan.js';
import type { OpenFolder } from './open-folder.js';
import { listUids, searchPushMail } from './search.js';
import { chunkUids, uidsPerCommand } from './uid-set.js';

/** One look: what it found, which of the open messages are not there any more, and how far it got. */
export interface LookedEvent {
  readonly type: 'looked';
  /** The folder, as the server names it. */
  readonly folder: string;
  readonly found: readonly Found[];
  readonly gone: readonly number[];
  readonly progress: Progress;
}

/** The server numbers the messages of a folder anew (UIDVALIDITY): every UID known of it means nothing any more. */
export interface RenumberedEvent {
  readonly type: 'renumbered';
  /** As the server names it. */
  readonly folder: string;
}

/** What looking through a folder brings. */
export type Looks = AsyncGenerator<LookedEvent | RenumberedEvent, void, void>;

const dayMs = 86_400_000;

/** More new messages than this are listed first and then looked at in parts, so that no answer grows without bound. */
const directLookMessages = 1000;

/**
 * Looks again at the messages that were still open when the connection before ended. One that has no valid header any
 * more is as good as gone: the server has given its UID to another message.
 */
async function* lookAtOpen(folder: OpenFolder, uids: readonly number[], progress: Progress): Looks {
  for (const chunk of chunkUids(uids, uidsPerCommand)) {
    const { found } = await folder.run((client) => lookAt(client, chunk));
    const stillOpen = new Set(found.map(({ uid }) => uid));
    yield {
      type: 'looked',
      folder: folder.path,
      found,
      gone: chunk.filter((uid) => !stillOpen.has(uid)),
      progress,
    };
  }
}

/** Looks at these messages part by part, and says at the end that the folder is looked through up to `lastUid`. */
async function* lookInParts(folder: OpenFolder, uids: readonly number[], lastUid: number): Looks {
  const { uidValidity } = folder;
  let last = lastUid;
  for (const chunk of chunkUids(uids, uidsPerCommand)) {
    const { found } = await folder.run((client) => lookAt(client, chunk));
    const chunkLast = chunk.at(-1) ?? 0;
    last = Math.max(last, chunkLast);
    yield { type: 'looked', folder: folder.path, found, gone: [], progress: { uidValidity, lastUid: chunkLast } };
  }
  yield { type: 'looked', folder: folder.path, found: [], gone: [], progress: { uidValidity, lastUid: last } };
}

/**
 * Looks at what is new from `firstUid` on.
 *
 * @param lastUid the last UID that is known to have been given out.
 * @param expected how many messages that may be.
 */
export async function* lookFrom(folder: OpenFolder, firstUid: number, lastUid: number, expected: number): Looks {
  if (expected > directLookMessages) {
    yield* lookInParts(folder, await listUids(folder, firstUid), lastUid);
    return;
  }
  const { uidValidity } = folder;
  const looked = await folder.run((client) => lookSince(client, firstUid));
  const progress = { uidValidity, lastUid: Math.max(lastUid, looked.lastUid) };
  yield { type: 'looked', folder: folder.path, found: looked.found, gone: [], progress };
}

/**
 * Everything that opening a folder calls for; see {@link planLook}.
 *
 * @param before how far the folder had been looked through.
 * @param openUids the messages that are still worked on.
 * @param now in milliseconds since 1970.
 */
export async function* catchUp(
  folder: OpenFolder,
  before: Progress | undefined,
  openUids: readonly number[],
  now: number,
): Looks {
  const { uidValidity } = folder;
  const plan = planLook(before, folder);
  switch (plan.kind) {
    case 'begin':
      yield {
        type: 'looked',
        folder: folder.path,
        found: [],
        gone: [],
        progress: { uidValidity, lastUid: plan.lastUid },
      };
      return;
    case 'search': {
      yield { type: 'renumbered', folder: folder.path };
      const uids = await searchPushMail(folder, new Date(now - searchBackDays * dayMs));
      yield* lookInParts(folder, uids, plan.lastUid);
      return;
    }
    case 'nothing':
      yield* lookAtOpen(folder, openUids, plan.before);
      return;
    case 'since':
      yield* lookAtOpen(folder, openUids, plan.before);
      yield* lookFrom(folder, plan.firstUid, plan.lastUid, plan.lastUid - plan.firstUid + 1);
      return;
  }
}
