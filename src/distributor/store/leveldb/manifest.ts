import { ByteReader } from './byte-reader.js';
import { readLog } from './log.js';

/** Which files a database consists of. */
export interface Manifest {
  /** The number of its log; later ones belong to it too. */
  readonly log: number;
  /** The sizes of its tables by their numbers. */
  readonly tables: ReadonlyMap<number, number>;
}

/**
 * Reads the manifest of a database (leveldb, db/version_edit.cc).
 *
 * @throws RangeError for one that is damaged or of another kind.
 */
export function readManifest(bytes: Buffer): Manifest {
  const { items, isSound } = readLog(bytes);
  if (!isSound || items.length === 0) throw new RangeError('This manifest is damaged.');
  const tables = new Map<number, number>();
  let log = 0;
  for (const item of items) {
    const reader = new ByteReader(item);
    while (!reader.isAtEnd) {
      const tag = reader.varint();
      if (tag === 1)
        reader.bytes(); // name of the order of keys
      else if (tag === 2) log = reader.varint();
      else if (tag === 3 || tag === 4 || tag === 9) reader.varint();
      else if (tag === 5) void [reader.varint(), reader.bytes()];
      else if (tag === 6) {
        reader.varint();
        tables.delete(reader.varint());
      } else if (tag === 7) {
        reader.varint();
        tables.set(reader.varint(), reader.varint());
        void [reader.bytes(), reader.bytes()];
      } else throw new RangeError('This manifest is of another kind.');
    }
  }
  return { log, tables };
}
