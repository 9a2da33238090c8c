import { ByteReader } from './byte-reader.js';
import { maskedCrc32c } from './crc32c.js';
import type { Read } from './log.js';

/** One change of a database: what stands under a key from this sequence number on, undefined for nothing any more. */
export interface Entry {
  readonly key: string;
  readonly value: string | undefined;
  readonly sequence: bigint;
}

const footerBytes = 48;
const magic = 0xdb4775248b80fb57n;
/** Behind every block: how it is compressed, and its checksum. */
const trailerBytes = 5;
/** Behind every key: sequence number and kind of change. */
const tagBytes = 8;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function handleIn(reader: ByteReader): Handle {
  return { offset: reader.varint(), size: reader.varint() };
}

/** The bytes of a block whose checksum is right; undefined for a compressed one, as we write none. Throws for any other. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer | undefined {
  const end = offset + size + trailerBytes;
  if (end > table.length) throw new RangeError('This block lies behind the end.');
  if (table.readUInt32LE(end - 4) !== maskedCrc32c(table.subarray(offset, end - 4))) throw new RangeError('Damaged.');
  return table[end - trailerBytes] === 0 ? table.subarray(offset, offset + size) : undefined;
}

/** Keys and values in a block (leveldb, table/block_builder.cc): a key is told by how much of the one before it has. */
function* entriesIn(block: Buffer): Generator<[key: Buffer, value: Buffer], void, void> {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new ByteReader(block.subarray(0, block.length - 4 * (restarts + 1)));
  let key: Buffer = Buffer.alloc(0);
  while (!reader.isAtEnd) {
    const [shared, added, length] = [reader.varint(), reader.varint(), reader.varint()];
    key = Buffer.concat([key.subarray(0, shared), reader.take(added)]);
    yield [key, reader.take(length)];
  }
}

function entryOf(key: Buffer, value: Buffer): Entry {
  const tag = key.readBigUInt64LE(key.length - tagBytes);
  const isPut = (tag & 0xffn) === 1n;
  return {
    key: key.subarray(0, -tagBytes).toString(),
    value: isPut ? value.toString() : undefined,
    sequence: tag >> 8n,
  };
}

/** Reads a table, blocks with a wrong checksum left out (leveldb, doc/table_format.md). */
export function readTable(table: Buffer): Read<Entry> {
  const items: Entry[] = [];
  let isSound = true;

  /** Goes on with the next block where one is damaged. */
  function each(handle: Handle, take: (key: Buffer, value: Buffer) => void): void {
    try {
      const block = blockAt(table, handle);
      if (block !== undefined) for (const [key, value] of entriesIn(block)) take(key, value);
    } catch {
      isSound = false;
    }
  }

  try {
    const footer = table.subarray(table.length - footerBytes);
    if (table.length < footerBytes || footer.readBigUInt64LE(footerBytes - 8) !== magic)
      throw new RangeError('No table.');
    const reader = new ByteReader(footer);
    const [metaIndex, index] = [handleIn(reader), handleIn(reader)];
    // What else there is, such as a filter, has a checksum too.
    each(metaIndex, (_, value) => void blockAt(table, handleIn(new ByteReader(value))));
    each(index, (_, handle) =>
      each(handleIn(new ByteReader(handle)), (key, value) => void items.push(entryOf(key, value))),
    );
  } catch {
    isSound = false;
  }
  return { items, isSound };
}
