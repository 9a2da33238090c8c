import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkUids, formatUidSet, uidsPerCommand } from './uid-set.js';

const uid = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 4_294_967_295 }));
const uidList = fc.array(uid, { maxLength: 300 });

const ascending = (uids: readonly number[]): number[] => [...new Set(uids)].sort((a, b) => a - b);

/** What a server understands by a set. */
function readSet(set: string): number[] {
  return set.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split(':').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

describe('a UID set', () => {
  it('joins neighbours into ranges', () => {
    expect(formatUidSet([3, 1, 2, 9])).toBe('1:3,9');
    expect(formatUidSet([5, 7, 6, 6, 8, 1])).toBe('1,5:8');
    expect(formatUidSet([4_294_967_295])).toBe('4294967295');
  });

  it('is empty when there is nothing in it', () => {
    expect(formatUidSet([])).toBe('');
  });

  it('names every UID once and no other, and follows the grammar', () => {
    fc.assert(
      fc.property(uidList, (uids) => {
        fc.pre(uids.length > 0);
        const set = formatUidSet(uids);
        expect(set).toMatch(/^[1-9]\d*(:[1-9]\d*)?(,[1-9]\d*(:[1-9]\d*)?)*$/);
        expect(readSet(set)).toEqual(ascending(uids));
      }),
    );
  });

  it('of one command stays far below the 8000 bytes that every server takes', () => {
    const apart = Array.from({ length: uidsPerCommand }, (_, index) => 4_294_967_295 - 2 * index);
    expect(formatUidSet(apart).length).toBeLessThan(6000);
  });
});

describe('UIDs in parts', () => {
  it('are in order and as many as there may be', () => {
    expect(chunkUids([5, 4, 3, 2, 1], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(chunkUids([], 2)).toEqual([]);
  });

  it('are all of them, once', () => {
    fc.assert(
      fc.property(uidList, fc.integer({ min: 1, max: 50 }), (uids, size) => {
        const chunks = chunkUids(uids, size);
        expect(chunks.flat()).toEqual(ascending(uids));
        for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(size);
        expect(chunks).toHaveLength(Math.ceil(new Set(uids).size / size));
      }),
    );
  });
});
