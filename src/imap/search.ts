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

/**
 * So many of the newest messages are looked at one after another, because not every server finds a header that is not in
 * its index, or searches for it at all. Far more than come in four weeks, and bounded: 2 MB, in 40 commands.
 */
export const newestMessages = 20_000;

/** What lies below those is too much to look at if the server can find it; if it refuses to, it is looked at too. */
async function searchHeaders(folder: OpenFolder, range: string, since: Date): Promise<number[]> {
  const query: SearchObject = { since, header: { 'Email-Notify': 'v=1' } };
  const byHeader = await folder.run((client) => client.search({ seq: range, ...query }, { uid: true }));
  if (Array.isArray(byHeader)) return byHeader;
  return await folder.run((client) => searchWindow(client, range, { since }));
}

/**
 * The UIDs, in no order, of messages that came since `since` and may be push mail: every one of the newest
 * {@link newestMessages}, and of those before them what the server says has an Email-Notify header.
 */
export async function searchPushMail(folder: OpenFolder, since: Date): Promise<number[]> {
  const found: number[] = [];
  const { messages } = folder;
  for (const { range } of searchWindows(messages, newestMessages).slice(0, 1)) {
    for (const uid of await folder.run((client) => searchWindow(client, range, { since }))) found.push(uid);
  }
  for (const { range } of searchWindows(messages - newestMessages, windowMessages)) {
    for (const uid of await searchHeaders(folder, range, since)) found.push(uid);
  }
  return found;
}
