/** UIDs that one command names at most, so that its line stays below 8000 bytes (RFC 7162 §4). */
export const uidsPerCommand = 500;

/**
 * Writes UIDs as an IMAP sequence set, neighbours joined into ranges: `[3, 1, 2, 9]` → `1:3,9` (RFC 9051 §9,
 * `sequence-set`). The empty list gives the empty string, which no command takes: ask before you send.
 */
export function formatUidSet(uids: readonly number[]): string {
  const sorted = [...new Set(uids)].sort((a, b) => a - b);
  const ranges: { first: number; last: number }[] = [];
  for (const uid of sorted) {
    const open = ranges.at(-1);
    if (open !== undefined && uid === open.last + 1) open.last = uid;
    else ranges.push({ first: uid, last: uid });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
}

/** Cuts a list of UIDs into lists of at most `size`, in ascending order, each UID once. */
export function chunkUids(uids: readonly number[], size: number): number[][] {
  const sorted = [...new Set(uids)].sort((a, b) => a - b);
  const chunks: number[][] = [];
  for (let start = 0; start < sorted.length; start += size) chunks.push(sorted.slice(start, start + size));
  return chunks;
}
