import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { makePrivateFolder } from '../../private-folder.js';
import { readWhatIsLeft } from './leveldb/index.js';
import { isSoundRecord } from './records.js';
import { storeName } from './state-folder.js';

/** How much of a damaged store is used on, and where what is left of it lies. */
export interface Rescue {
  readonly movedTo: string;
  /** Records that are used on. */
  readonly kept: number;
  /** Records that are there and not as they must be. What cannot even be found cannot be counted. */
  readonly lost: number;
}

const damagedPrefix = `${storeName}.damaged-`;
/** So many damaged stores are kept: enough to look into, and no disk fills up with them. */
const maxDamaged = 3;
/** They hold the keys of channels, which are kept no longer than this after their registrations have ended. */
const damagedMs = 28 * 24 * 60 * 60_000;

/** Whether this is what opening a database rejects with while another process has it open. */
export function isLocked(error: unknown): boolean {
  return (error as { readonly cause?: { readonly code?: string } } | undefined)?.cause?.code === 'LEVEL_LOCKED';
}

/** Makes a database that holds nothing: whoever has it open is the only one who rescues. */
async function takeLock(location: string): Promise<ClassicLevel> {
  await makePrivateFolder(location);
  try {
    const lock = new ClassicLevel(location);
    await lock.open();
    return lock;
  } catch (error) {
    if (isLocked(error)) throw error;
    // It was just being made when a crash came.
    await ClassicLevel.destroy(location);
    const lock = new ClassicLevel(location);
    await lock.open();
    return lock;
  }
}

/** Sees to it that nobody else opens the store, as far as it can be opened at all. */
async function hold(location: string): Promise<() => Promise<void>> {
  const db = new ClassicLevel(location, { createIfMissing: false });
  try {
    await db.open();
    return () => db.close();
  } catch (error) {
    if (isLocked(error)) throw error;
    return async () => {};
  }
}

/** Copies the files that can be read at all. */
async function copyFiles(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    await copyFile(join(from, entry.name), join(to, entry.name)).catch((error: { code?: string }) => {
      if (error.code !== 'EIO' && error.code !== 'ENOENT') throw error;
    });
  }
}

/** Makes a new database of the sound ones among the records. */
async function writeRecords(
  location: string,
  records: ReadonlyMap<string, string>,
): Promise<{ readonly kept: number; readonly lost: number }> {
  const sound = [...records].filter(([key, value]) => isSoundRecord(key, value));
  const db = new ClassicLevel<string, string>(location, { compression: false });
  await db.open();
  try {
    await db.batch(
      sound.map(([key, value]) => ({ type: 'put', key, value })),
      { sync: true },
    );
    return { kept: sound.length, lost: records.size - sound.length };
  } finally {
    await db.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether an earlier run was cut off when the damaged store was out of the way and the new one not yet in its place. */
export async function isHalfDone(directory: string): Promise<boolean> {
  if (await isThere(join(directory, storeName, 'CURRENT'))) return false;
  return await isThere(join(directory, `${storeName}.rescue`, 'new', 'CURRENT'));
}

/**
 * Puts a sound store in the place of a damaged one, with all that can be read of it, and keeps a copy of the damaged one
 * beside it. A crash at any point leaves the one, or the other, or what {@link isHalfDone} finds. Gives undefined when there
 * is nothing to do (any more). Rejects as the file system does, and with `LEVEL_LOCKED` when another process has the store.
 *
 * @param isSound looks at the store once more, when no other process can be rescuing it.
 */
export async function rescueStore(
  directory: string,
  now: number,
  isSound: () => Promise<boolean>,
): Promise<Rescue | undefined> {
  const store = join(directory, storeName);
  const work = join(directory, `${storeName}.rescue`);
  const old = join(work, 'old');
  const copy = join(work, 'copy');
  const fresh = join(work, 'new');
  const lock = await takeLock(join(work, 'lock'));
  let letGo = async (): Promise<void> => {};
  try {
    if (await isHalfDone(directory)) {
      await rename(fresh, store);
      await syncFolder(directory);
      return undefined;
    }
    if (await isSound()) return undefined;
    for (const folder of [old, copy, fresh]) await rm(folder, { recursive: true, force: true });
    await copyFiles(store, copy);
    letGo = await hold(store);
    const counts = await writeRecords(fresh, await readWhatIsLeft(copy));
    const movedTo = join(directory, `${damagedPrefix}${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`);
    await rename(copy, movedTo);
    await rename(store, old);
    await rename(fresh, store);
    await syncFolder(directory);
    return { movedTo, ...counts };
  } finally {
    await letGo();
    await lock.close();
    await rm(work, { recursive: true, force: true }).catch(() => {});
  }
}

/** The damaged stores that are kept, the latest first; those that are too many or too old are deleted. */
export async function damagedStores(directory: string, now: number): Promise<readonly string[]> {
  const names = (await readdir(directory))
    .filter((name) => name.startsWith(damagedPrefix))
    .sort()
    .reverse();
  const kept: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined) continue;
    if (kept.length < maxDamaged && facts.ctimeMs + damagedMs > now) kept.push(path);
    else await rm(path, { recursive: true, force: true }).catch(() => {});
  }
  return kept;
}
