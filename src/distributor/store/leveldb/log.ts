import { ByteReader } from './byte-reader.js';
import { maskedCrc32c } from './crc32c.js';
import type { Entry } from './table.js';

const blockBytes = 32_768;
const headerBytes = 7;
const type = { none: 0, full: 1, first: 2, middle: 3, last: 4 } as const;

/** What could be read of a file, and whether that was all. */
export interface Read<Item> {
  readonly items: readonly Item[];
  readonly isSound: boolean;
}

/**
 * Reads the records of a log, those with a wrong checksum left out. An end that a crash has cut off is sound: what was on disk
 * for sure is before it (leveldb, doc/log_format.md).
 */
export function readLog(log: Buffer): Read<Buffer> {
  const items: Buffer[] = [];
  let parts: Buffer[] = [];
  let isSound = true;

  function take(chunk: Buffer, kind: number): void {
    if (kind === type.first) parts = [chunk];
    else if (parts.length > 0) parts.push(chunk);
    if (kind === type.full) items.push(chunk);
    if (kind === type.last && parts.length > 0) items.push(Buffer.concat(parts));
    if (kind === type.full || kind === type.last) parts = [];
  }

  for (let start = 0; start < log.length; start += blockBytes) {
    const block = log.subarray(start, start + blockBytes);
    let at = 0;
    while (at + headerBytes <= block.length) {
      const kind = block[at + 6] ?? 0;
      const end = at + headerBytes + block.readUInt16LE(at + 4);
      // Room that was never written to.
      if (kind === type.none && end === at + headerBytes) break;
      const isCutOff = end > block.length && block.length < blockBytes && kind <= type.last;
      if (isCutOff) break;
      const isRight = end <= block.length && block.readUInt32LE(at) === maskedCrc32c(block.subarray(at + 6, end));
      isSound &&= isRight;
      if (isRight) take(block.subarray(at + headerBytes, end), kind);
      else parts = [];
      at = end;
    }
  }
  return { items, isSound };
}

/** Reads the changes in one record of the log of a database (leveldb, db/write_batch.cc). */
function changesIn(record: Buffer): Entry[] {
  const reader = new ByteReader(record);
  const first = reader.take(8).readBigUInt64LE();
  const count = reader.take(4).readUInt32LE();
  const entries: Entry[] = [];
  while (!reader.isAtEnd && entries.length < count) {
    const isPut = reader.take(1)[0] === 1;
    const key = reader.bytes().toString();
    const value = isPut ? reader.bytes().toString() : undefined;
    entries.push({ key, value, sequence: first + BigInt(entries.length) });
  }
  return entries;
}

/** Reads what stands in the log of a database. */
export function readDatabaseLog(log: Buffer): Read<Entry> {
  const { items, isSound } = readLog(log);
  return { items: items.flatMap(changesIn), isSound };
}
