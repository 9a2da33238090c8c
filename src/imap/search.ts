import type { ImapFlow, SearchObject } from 'imapflow';
import { refusedError } from './errors.js';
import type { OpenFolder } from './open-folder.js';
import { searchWindows } from './search-windows.js';

/** Messages that one search covers. Its answer is one line of 11 bytes for each, half of the longest that is taken. */
const windowMessages = 50_000;

async function searchWindow(client: ImapFlow, range: string, query: SearchObject): Promise<number[]> {
  const uids = await client.search({ seq: range, ...query }, { uid: true });
  if (!Array.isArray(uids)) throw refusedError();
  return uids;
}

/** The UIDs from `firstUid` on, in no order. Costs as much as there is new, whatever lies below. */
export async function listUids(folder: OpenFolder, firstUid: number): Promise<number[]> {
  const found: number[] = [];
  for (const { range, messages } of searchWindows(folder.messages, windowMessages)) {
    const uids = await folder.run((client) => searchWindow(client, range, { uid: `${firstUid}:*` }));
    const fresh = uids.filter((uid) => uid >= firstUid);
    for (const uid of fresh) found.push(uid);
    // UIDs ascend: if not all of a window is new, nothing before it is.
    if (fresh.length < messages) break;
  }
  return found;
}

/** The UIDs, in no order, of messages that came since `since` and have an Email-Notify header. */
export async function searchPushMail(folder: OpenFolder, since: Date): Promise<number[]> {
  const query: SearchObject = { since, header: { 'Email-Notify': 'v=1' } };
  const found: number[] = [];
  for (const { range } of searchWindows(folder.messages, windowMessages)) {
    for (const uid of await folder.run((client) => searchWindow(client, range, query))) found.push(uid);
  }
  return found;
}
