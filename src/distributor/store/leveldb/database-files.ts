import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Read, readDatabaseLog } from './log.js';
import { readManifest } from './manifest.js';
import { type Entry, readTable } from './table.js';

async function namesIn(location: string): Promise<string[]> {
  return await readdir(location).catch((error: { code?: string }): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** The bytes of a file; undefined when it is not there, is a folder, or cannot be read on this disk. */
async function bytesOf(path: string): Promise<Buffer | undefined> {
  return await readFile(path).catch((error: { code?: string }) => {
    if (['ENOENT', 'EISDIR', 'EIO'].includes(error.code ?? '')) return undefined;
    throw error;
  });
}

const isTable = (name: string): boolean => /^\d+\.(ldb|sst)$/.test(name);
const isLog = (name: string): boolean => /^\d+\.log$/.test(name);

/** Reads a table or a log. */
function readEntries(name: string, bytes: Buffer | undefined): Read<Entry> {
  if (bytes === undefined) return { items: [], isSound: false };
  return isTable(name) ? readTable(bytes) : readDatabaseLog(bytes);
}

/** Whether there is anything in a database without a beginning. */
async function isEmpty(location: string, names: readonly string[]): Promise<boolean> {
  if (names.some(isTable)) return false;
  for (const log of names.filter(isLog)) if ((await bytesOf(join(location, log)))?.length !== 0) return false;
  return true;
}

/**
 * Whether the files of a database are all there and as they were written; true also where there is none yet.
 *
 * It has to be asked before the database is opened: LevelDB 1.20 begins a new one where its file CURRENT is missing, and
 * deletes what is left of the old one; passes over what it cannot read of a log; does not look at the checksums of tables;
 * and ends the process by an assertion where it reads nonsense in one.
 */
export async function hasSoundFiles(location: string): Promise<boolean> {
  const names = await namesIn(location);
  if (!names.includes('CURRENT')) return await isEmpty(location, names);
  const read = (name: string): Promise<Buffer | undefined> => bytesOf(join(location, name));
  try {
    const current = (await read('CURRENT'))?.toString('latin1') ?? '';
    if (!/^MANIFEST-\d+\n$/.test(current)) return false;
    const { log, tables } = readManifest((await read(current.trim())) ?? Buffer.alloc(0));
    for (const [number, size] of tables) {
      const name = names.find((one) => isTable(one) && Number.parseInt(one, 10) === number) ?? '';
      const bytes = name === '' ? undefined : await read(name);
      if (bytes?.length !== size || !readTable(bytes).isSound) return false;
    }
    const logs = names.filter((name) => isLog(name) && Number.parseInt(name, 10) >= log);
    if (!logs.some((name) => Number.parseInt(name, 10) === log)) return false;
    for (const name of logs) if (!readEntries(name, await read(name)).isSound) return false;
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The value of every key, as far as the tables and logs in a folder can be read, whatever its other files say. */
export async function readWhatIsLeft(location: string): Promise<ReadonlyMap<string, string>> {
  const latest = new Map<string, Entry>();
  for (const name of (await namesIn(location)).filter((one) => isTable(one) || isLog(one))) {
    for (const entry of readEntries(name, await bytesOf(join(location, name))).items) {
      const known = latest.get(entry.key);
      if (known === undefined || known.sequence < entry.sequence) latest.set(entry.key, entry);
    }
  }
  return new Map([...latest].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])));
}
