import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import PQueue from 'p-queue';
import { makePrivateFolder } from '../../private-folder.js';
import { StoreError } from './errors.js';

/** One change of a {@link Database}. */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string };

/** JSON values by key on disk, sorted by key. Reads reject with `ERR_STORE_DAMAGED`. */
export interface Database {
  get(key: string): Promise<unknown>;
  /** The value of a key if there is one, answered at once. Throws `ERR_STORE_WRITE` while the disk is full or broken. */
  peek(key: string): unknown;
  /** Everything whose key begins with `prefix`, which ends in a slash; a thousand entries at a time. */
  pages(prefix: string): AsyncIterable<readonly [key: string, value: unknown][]>;
  /** The same in one list. */
  entries(prefix: string): Promise<[key: string, value: unknown][]>;
  /**
   * Makes all the changes or none, after those that were asked for before. They are on disk (fsync) when it resolves,
   * unless they are a `note`, which a crash of the whole machine may take back. Rejects with `ERR_STORE_WRITE`.
   */
  write(operations: readonly Operation[], note?: 'note'): Promise<void>;
  /** Writes what it was given and closes. */
  close(): Promise<void>;
}

const pageEntries = 1000;

function openError(error: unknown, directory: string): StoreError {
  const cause = (error as { readonly cause?: { readonly code?: string } } | undefined)?.cause ?? error;
  const { code } = (cause ?? {}) as { readonly code?: string };
  if (code === 'LEVEL_LOCKED') {
    return new StoreError(
      'ERR_STORE_IN_USE',
      `Another mailpush daemon uses ${directory}: end it first, or give this one a --state-dir of its own.`,
      { cause, disposition: 'action-required' },
    );
  }
  if (code === 'LEVEL_CORRUPTION') return damagedError(directory, cause);
  return new StoreError(
    'ERR_STORE_UNUSABLE',
    `The state directory ${directory} cannot be used: check that it is yours, writable and not full.`,
    { cause, disposition: 'action-required' },
  );
}

/** The error of a store whose contents are not what was written. */
export function damagedError(directory: string, cause: unknown): StoreError {
  return new StoreError(
    'ERR_STORE_DAMAGED',
    `The state in ${directory} cannot be read: restore it from a backup, or remove it so that the apps register anew.`,
    { cause, disposition: 'action-required' },
  );
}

/**
 * Opens the database in the folder `store` of `directory`; both are made, for their owner alone, if they are not there.
 *
 * @throws StoreError `ERR_STORE_IN_USE`, `ERR_STORE_UNUSABLE` or `ERR_STORE_DAMAGED`.
 */
export async function openDatabase(directory: string): Promise<Database> {
  const location = join(directory, 'store');
  let db: ClassicLevel<string, unknown>;
  try {
    await makePrivateFolder(location);
    await chmod(directory, 0o700);
    // Not before its folder is there: it begins to open itself as soon as it is made.
    db = new ClassicLevel<string, unknown>(location, { valueEncoding: 'json' });
    await db.open();
  } catch (error) {
    throw openError(error, directory);
  }

  // One after another: a later record of the same thing must never be overtaken by an earlier one.
  const writes = new PQueue({ concurrency: 1 });
  let hasFailed = false;

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
    await db.open();
    hasFailed = false;
  }

  async function write(operations: readonly Operation[], sync: boolean): Promise<void> {
    try {
      await mend();
      await db.batch([...operations], { sync });
    } catch (cause) {
      hasFailed = true;
      throw writeError(cause);
    }
  }

  async function* pages(prefix: string): AsyncGenerator<[string, unknown][], void, void> {
    const behind = `${prefix.slice(0, -1)}0`; // "0" is the character after "/"
    const iterator = db.iterator({ gte: prefix, lt: behind });
    try {
      for (;;) {
        const page = await iterator.nextv(pageEntries);
        if (page.length === 0) return;
        yield page;
      }
    } catch (cause) {
      throw damagedError(directory, cause);
    } finally {
      await iterator.close();
    }
  }

  return {
    get: async (key) => {
      try {
        return await db.get(key);
      } catch (cause) {
        throw damagedError(directory, cause);
      }
    },
    peek: (key) => {
      if (db.status === 'open') return db.getSync(key);
      // Not even opening has worked since something could not be written: maybe it does by the time of the next question.
      void writes.add(mend).catch(() => {});
      throw writeError();
    },
    pages,
    entries: async (prefix) => {
      const all: [string, unknown][] = [];
      for await (const page of pages(prefix)) for (const entry of page) all.push(entry);
      return all;
    },
    write: async (operations, note) => await writes.add(() => write(operations, note === undefined)),
    close: async () => {
      await writes.onIdle();
      await db.close();
    },
  };
}
