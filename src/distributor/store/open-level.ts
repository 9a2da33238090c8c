import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { damagedError, isCorrupt, StoreError } from './errors.js';
import { hasSoundFiles } from './leveldb/index.js';
import { format, formatKey, isSoundRecord } from './records.js';
import { damagedStores, isHalfDone, isLocked, type Rescue, rescueStore } from './rescue.js';
import { makeStateFolder, storeName } from './state-folder.js';

/** An open database whose records all have the shape that they must have. */
export interface OpenedLevel {
  readonly db: ClassicLevel<string, unknown>;
  /** What had to be done for it, just now. */
  readonly rescue: Rescue | undefined;
  /** Damaged stores of now and earlier, the latest first. */
  readonly damaged: readonly string[];
}

function openError(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const cause = (error as { readonly cause?: unknown } | undefined)?.cause ?? error;
  if (isLocked(error)) {
    return new StoreError(
      'ERR_STORE_IN_USE',
      `Another mailpush daemon uses ${directory}: end it first, or give this one a --state-dir of its own.`,
      { cause, disposition: 'action-required' },
    );
  }
  return new StoreError(
    'ERR_STORE_UNUSABLE',
    `The state directory ${directory} cannot be used: check that it is yours, writable and not full.`,
    { cause, disposition: 'action-required' },
  );
}

function newerError(directory: string): StoreError {
  return new StoreError(
    'ERR_STORE_NEWER',
    `${directory} was written by a newer mailpush: install that version again, or give this one a --state-dir of its own.`,
    { disposition: 'action-required' },
  );
}

/** Whether every record can be read and has the shape it must have. */
async function hasSoundRecords(db: ClassicLevel<string, unknown>): Promise<boolean> {
  const iterator = db.iterator<string, string>({ valueEncoding: 'utf8' });
  try {
    for (;;) {
      const page = await iterator.nextv(1000);
      if (page.length === 0) return true;
      if (!page.every(([key, value]) => isSoundRecord(key, value))) return false;
    }
  } catch {
    return false;
  } finally {
    await iterator.close();
  }
}

/** Opens the store; undefined when it is damaged. Rejects with what else is wrong with it. */
async function openSound(directory: string): Promise<ClassicLevel<string, unknown> | undefined> {
  const location = join(directory, storeName);
  if ((await isHalfDone(directory)) || !(await hasSoundFiles(location))) return undefined;
  // Not before its folder is there: it begins to open itself as soon as it is made. Uncompressed, so that it can be rescued.
  const db = new ClassicLevel<string, unknown>(location, { valueEncoding: 'json', compression: false });
  try {
    await db.open();
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
  try {
    const found = await db.get(formatKey).catch(() => undefined);
    // Its records may have any shape.
    if (typeof found === 'number' && found > format) throw newerError(directory);
    if (await hasSoundRecords(db)) return db;
  } catch (error) {
    await db.close();
    throw error;
  }
  await db.close();
  return undefined;
}

/**
 * Opens the database in the folder `store` of `directory`; both are made, for their owner alone, if they are not there. A
 * damaged one is replaced by what can be read of it, see `rescueStore`.
 *
 * @throws StoreError `ERR_STORE_IN_USE`, `ERR_STORE_UNUSABLE`, `ERR_STORE_NEWER`, or `ERR_STORE_DAMAGED` when even that
 * does not help.
 */
export async function openLevel(directory: string, now: number): Promise<OpenedLevel> {
  try {
    await makeStateFolder(directory);
    let rescue: Rescue | undefined;
    let db = await openSound(directory);
    if (db === undefined) {
      rescue = await rescueStore(directory, now, async () => {
        const opened = await openSound(directory);
        await opened?.close();
        return opened !== undefined;
      });
      db = await openSound(directory);
    }
    if (db === undefined) throw damagedError(directory, undefined);
    return { db, rescue, damaged: await damagedStores(directory, now) };
  } catch (error) {
    throw openError(error, directory);
  }
}
