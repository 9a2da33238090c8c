import type { ListResponse } from 'imapflow';
import type { Runtime } from '../runtime.js';
import type { ImapTimes } from './account.js';
import { catchUp, type LookedEvent, type Looks, type RenumberedEvent } from './catch-up.js';
import { isSameNumbering, type Progress, planLook } from './look-plan.js';
import { createReach } from './reach.js';
import type { Session, Visited } from './session.js';

/** The name of the folder that every mailbox has (RFC 9051 §5.1). */
export const inbox = 'INBOX';

/** What a folder is taken back to that is not there any more: if it comes again, it is searched. */
const lookedNever: Progress = { uidValidity: '0', lastUid: 0 };

/** Folders are listed again after this time, because another one may be for spam now. */
const relistMs = 24 * 60 * 60_000;

/** More than any server allows. */
const maxPathChars = 1000;

/** What side folders are looked at with. */
export interface SideFoldersOptions {
  readonly times: ImapTimes;
  readonly runtime: Runtime;
  readonly progress: (folder: string) => Progress | undefined;
  readonly openUids: (folder: string) => readonly number[];
}

/**
 * The folders in which pushes turn up by mistake: the one for spam, and the INBOX where another folder is the main one.
 * They are opened only when STATUS says that something has come, and by EXAMINE. That one of them is gone or refused is
 * no fault of the connection.
 */
export interface SideFolders {
  /** Whether one is to be looked at: its time has come, or something in it is open and was not seen on this connection. */
  isDue(session: Session): boolean;
  /** Looks at those that are due. Rejects only when the connection is over. */
  look(session: Session): Looks;
  /** Something is wrong in a folder: all are to be looked at now. */
  hurry(): void;
}

interface Side {
  readonly everyMs: number;
  /** On the monotonic clock. */
  dueAt: number;
}

/** The folder for spam: the one that the server calls so (RFC 6154), or else one that has the usual name. */
export function junkOf(folders: readonly ListResponse[]): string | undefined {
  return folders.find(
    ({ path, specialUse, flags }) =>
      specialUse === '\\Junk' &&
      !flags.has('\\Noselect') &&
      path.length <= maxPathChars &&
      !/\p{Surrogate}/u.test(path),
  )?.path;
}

/** Makes the side folders of an account; their times go on over all of its connections. */
export function createSideFolders({ times, runtime, progress, openUids }: SideFoldersOptions): SideFolders {
  const first = runtime.monotonicMs();
  const inboxSide: Side = { everyMs: times.inboxLookMs, dueAt: first };
  const junkSide: Side = { everyMs: times.junkLookMs, dueAt: first };
  let junk: string | undefined;
  let listAt = first;
  /** Sessions on which what was open has been looked at again. */
  const seenAgain = new WeakSet<Session>();

  const isWanted = ({ everyMs }: Side): boolean => Number.isFinite(everyMs);
  const isTime = (side: Side): boolean => isWanted(side) && runtime.monotonicMs() >= side.dueAt;

  function sidesOf({ connection }: Session): { side: Side; path: string | undefined }[] {
    const isAside = connection.mainPath.toUpperCase() !== inbox;
    return [
      ...(isAside ? [{ side: inboxSide, path: inbox }] : []),
      { side: junkSide, path: junk === connection.mainPath ? undefined : junk },
    ];
  }

  function isDueNow(session: Session, side: Side, path: string | undefined): boolean {
    if (isTime(side)) return true;
    return isWanted(side) && path !== undefined && !seenAgain.has(session) && openUids(path).length > 0;
  }

  async function* findJunk({ connection }: Session): Looks {
    if (junk !== undefined && runtime.monotonicMs() < listAt) return;
    const folders = await connection.list();
    const before = junk;
    junk = junkOf(folders);
    listAt = runtime.monotonicMs() + relistMs;
    if (before === undefined || before === junk || folders.some(({ path }) => path === before)) return;
    if (progress(before) === undefined) return;
    yield { type: 'renumbered', folder: before };
    yield { type: 'looked', folder: before, found: [], gone: [], progress: lookedNever };
  }

  async function visit(session: Session, path: string, known: Visited | undefined): Promise<Visited> {
    if (known !== undefined) {
      await known.folder.reopen();
      return known;
    }
    const folder = await session.connection.visit(path);
    const visited = { folder, reach: createReach(folder, progress(path)) };
    session.visited.set(path, visited);
    return visited;
  }

  /** Returns false when the server does not tell its state. */
  async function* lookAt(session: Session, path: string): AsyncGenerator<LookedEvent | RenumberedEvent, boolean, void> {
    const { connection, visited } = session;
    const state = await connection.status(path);
    if (state === undefined) return false;
    const before = progress(path);
    const known = visited.get(path);
    const same = known !== undefined && isSameNumbering(known.folder, state) ? known : undefined;
    if (same === undefined) visited.delete(path);
    const open = same === undefined ? openUids(path) : [];
    const plan = planLook(before, state);
    if (plan.kind === 'begin') {
      const { uidValidity } = state;
      yield { type: 'looked', folder: path, found: [], gone: [], progress: { uidValidity, lastUid: plan.lastUid } };
      return true;
    }
    if (plan.kind === 'nothing' && open.length === 0) {
      yield { type: 'looked', folder: path, found: [], gone: [], progress: plan.before };
      return true;
    }
    const { folder, reach } = await visit(session, path, same);
    for await (const event of catchUp(folder, before, open, runtime.now())) {
      if (event.type === 'looked') reach.found(event.found);
      yield event;
    }
    reach.caughtUp();
    return true;
  }

  async function* lookAtJunk(session: Session): Looks {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      yield* findJunk(session);
      if (junk === undefined || junk === session.connection.mainPath) return;
      if (yield* lookAt(session, junk)) return;
      // Maybe it has another name by now.
      listAt = 0;
    }
  }

  return {
    isDue: (session) => sidesOf(session).some(({ side, path }) => isDueNow(session, side, path)),
    look: async function* (session) {
      for (const { side, path } of sidesOf(session)) {
        if (!isDueNow(session, side, path)) continue;
        side.dueAt = runtime.monotonicMs() + side.everyMs;
        try {
          if (side === junkSide) yield* lookAtJunk(session);
          else if (path !== undefined) yield* lookAt(session, path);
        } catch (error) {
          if (session.connection.isOver) throw error;
          if (path !== undefined) session.visited.delete(path);
          runtime.log.debug({ event: 'imap.side-folder', err: error }, 'A folder could not be looked at.');
        }
      }
      seenAgain.add(session);
    },
    hurry: () => {
      inboxSide.dueAt = runtime.monotonicMs();
      junkSide.dueAt = inboxSide.dueAt;
      listAt = inboxSide.dueAt;
    },
  };
}
