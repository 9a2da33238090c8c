/**
 * Cuts a folder into ranges of message sequence numbers, each `size` long at most, from its newest message back:
 * 25 messages in tens are `16:25`, `6:15`, `1:5`.
 *
 * A search answers with one line, and a line has a bound; what is searched one range after another never exceeds it,
 * however large the mailbox is. From the end, because whatever is expunged meanwhile moves messages into ranges that
 * are still to come, never into one that has been searched.
 */
export function searchWindows(messages: number, size: number): { range: string; messages: number }[] {
  const windows: { range: string; messages: number }[] = [];
  for (let last = messages; last > 0; last -= size) {
    const first = Math.max(1, last - size + 1);
    windows.push({ range: `${first}:${last}`, messages: last - first + 1 });
  }
  return windows;
}
