import PQueue from 'p-queue';
import type { Runtime } from '../../runtime.js';
import { damagedError, isCorrupt, StoreError } from './errors.js';
import type { OpenedLevel } from './open-level.js';

/** One change of a {@link Database}. */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string };

/** JSON values by key on disk, sorted by key. Reads reject with `ERR_STORE_DAMAGED`. */
export interface Database {
  get(key: string): Promise<unknown>;
  /**
   * The value of a key if there is one, answered at once. Throws `ERR_STORE_WRITE` while the disk is full or broken, and
   * `ERR_STORE_DAMAGED`.
   */
  peek(key: string): unknown;
  /** Everything whose key begins with `prefix`, which ends in a slash; a thousand entries at a time. */
  pages(prefix: string): AsyncIterable<readonly [key: string, value: unknown][]>;
  /** The same in one list. */
  entries(prefix: string): Promise<[key: string, value: unknown][]>;
  /**
   * Makes all the changes or none, after those that were asked for before. They are on disk (fsync) when it resolves,
   * unless they are a `note`, which a crash of the whole machine may take back. Rejects with `ERR_STORE_WRITE`; the changes
   * may be there all the same later on, unless they are `revoked`.
   */
  write(operations: readonly Operation[], how?: 'note' | 'revoked'): Promise<void>;
  /** Writes what it was given and closes. */
  close(): Promise<void>;
}

/** What a {@link Database} is made with. */
export interface DatabaseOptions {
  readonly directory: string;
  readonly sleep: Runtime['sleep'];
  /** Told what is wrong with writing, in one sentence with what to do; undefined: nothing any more. */
  readonly trouble: (sentence: string | undefined) => void;
  /** Told that something cannot be read: only the next opening can do something about it. */
  readonly damaged: (error: StoreError) => void;
}

const pageEntries = 1000;
/** While nothing can be written it is tried again after this time, even if nobody asks for it. */
const retryMs = 15_000;
/** So much room at least there has to be before it is said that there is some. */
const probeBytes = 16_384;

/** Makes a database out of what `openLevel` gives. */
export function createDatabase({ db }: Pick<OpenedLevel, 'db'>, options: DatabaseOptions): Database {
  const { directory, sleep, trouble } = options;
  // One after another: a later record of the same thing must never be overtaken by an earlier one.
  const writes = new PQueue({ concurrency: 1 });
  const closed = new AbortController();
  let hasFailed = false;
  /** Takes back what failed, as it may have reached the disk nevertheless. */
  let undo: Operation[] = [];

  function unreadable(cause: unknown): StoreError {
    const error = damagedError(directory, cause);
    options.damaged(error);
    return error;
  }

  const writeError = (cause?: unknown): StoreError =>
    new StoreError('ERR_STORE_WRITE', `Nothing can be written to ${directory}: make room, or check the disk.`, {
      cause,
      disposition: 'action-required',
    });

  /**
   * Where a write broke off, LevelDB goes on behind it and says that all is well, but finds nothing of that again when
   * it is opened: whatever follows a failure has to begin with a new log, which is what opening makes.
   */
  async function mend(): Promise<void> {
    if (!hasFailed) return;
    await db.close();
    try {
      await db.open();
    } catch (cause) {
      throw isCorrupt(cause) ? unreadable(cause) : cause;
    }
    const key = 'probe';
    const probe: Operation[] = [
      { type: 'put', key, value: 'x'.repeat(probeBytes) },
      { type: 'del', key },
    ];
    await db.batch([...probe, ...undo], { sync: true });
    undo = [];
    hasFailed = false;
    trouble(undefined);
  }

  async function inverse({ key }: Operation): Promise<Operation> {
    const value = await db.get(key);
    return value === undefined ? { type: 'del', key } : { type: 'put', key, value };
  }

  async function write(operations: readonly Operation[], how?: 'note' | 'revoked'): Promise<void> {
    let before: Operation[] = [];
    try {
      await mend();
      if (how === 'revoked') before = await Promise.all(operations.map(inverse));
      await db.batch([...operations], { sync: how !== 'note' });
    } catch (cause) {
      undo = [...before, ...undo];
      const error = writeError(cause);
      if (!hasFailed) void keepTrying();
      hasFailed = true;
      trouble(error.message);
      throw error;
    }
  }

  async function keepTrying(): Promise<void> {
    do {
      await sleep(retryMs, closed.signal).catch(() => {});
      if (closed.signal.aborted) return;
      await writes.add(mend).catch(() => {});
    } while (hasFailed);
  }

  async function* pages(prefix: string): AsyncGenerator<[string, unknown][], void, void> {
    const behind = `${prefix.slice(0, -1)}0`; // "0" is the character after "/"
    if (db.status !== 'open') throw writeError();
    const iterator = db.iterator({ gte: prefix, lt: behind });
    try {
      for (;;) {
        const page = await iterator.nextv(pageEntries);
        if (page.length === 0) return;
        yield page;
      }
    } catch (cause) {
      // Closed underneath, because writing has to begin anew.
      throw db.status === 'open' ? unreadable(cause) : writeError(cause);
    } finally {
      await iterator.close();
    }
  }

  return {
    get: async (key) => {
      if (db.status !== 'open') throw writeError();
      try {
        return await db.get(key);
      } catch (cause) {
        throw unreadable(cause);
      }
    },
    peek: (key) => {
      if (db.status !== 'open') {
        // Not even opening has worked since something could not be written: maybe it does by the time of the next question.
        void writes.add(mend).catch(() => {});
        throw writeError();
      }
      try {
        return db.getSync(key);
      } catch (cause) {
        throw unreadable(cause);
      }
    },
    pages,
    entries: async (prefix) => {
      const all: [string, unknown][] = [];
      for await (const page of pages(prefix)) for (const entry of page) all.push(entry);
      return all;
    },
    write: async (operations, how) => await writes.add(() => write(operations, how)),
    close: async () => {
      closed.abort();
      await writes.onIdle();
      await db.close();
    },
  };
}
