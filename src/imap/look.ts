import type { FetchMessageObject, ImapFlow } from 'imapflow';
import { parseRoutingHeader } from '../notify-spec/index.js';
import { chunkUids, formatUidSet } from './uid-set.js';

/** A message that carries one valid Email-Notify header, seen without opening it. */
export interface Found {
  readonly uid: number;
  /** RFC822.SIZE; only a hint, servers err. */
  readonly sizeBytes: number;
  /** The channel its header names; anyone can write a header. */
  readonly channel: string;
}

/** What one look brought. */
export interface Looked {
  /** In mailbox order. */
  readonly found: readonly Found[];
  /** Every UID that was there to be looked at. */
  readonly uids: readonly number[];
}

/** How many messages are asked about in one command. */
const chunkSize = 500;

const fields = { uid: true, size: true, headers: ['Email-Notify'] };

/** The channel that a header block of only Email-Notify lines names; none unless there is exactly one valid header. */
export function readRoutingHeader(block: Uint8Array): string | undefined {
  const text = Buffer.from(block).toString('latin1');
  const unfolded = text.replace(/\r?\n(?=[ \t])/g, '').trim();
  const header = /^email-notify[ \t]*:([^\r\n]*)$/i.exec(unfolded);
  if (header?.[1] === undefined) return undefined;
  try {
    return parseRoutingHeader(header[1]).channel;
  } catch {
    return undefined;
  }
}

function sort(messages: readonly FetchMessageObject[], firstUid: number): Looked {
  const found: Found[] = [];
  const uids: number[] = [];
  for (const message of messages) {
    // `n:*` brings the last message even if its UID is below n (RFC 9051 §6.4.9).
    if (message.uid < firstUid) continue;
    uids.push(message.uid);
    const channel = message.headers === undefined ? undefined : readRoutingHeader(message.headers);
    if (channel !== undefined) found.push({ uid: message.uid, sizeBytes: message.size ?? 0, channel });
  }
  return { found: found.sort((a, b) => a.uid - b.uid), uids: uids.sort((a, b) => a - b) };
}

/** Looks at every message from `firstUid` on by UID, size and Email-Notify header alone; no flag is set. */
export async function lookSince(client: ImapFlow, firstUid: number): Promise<Looked> {
  return sort(await client.fetchAll(`${firstUid}:*`, fields, { uid: true }), firstUid);
}

/** Looks at exactly these messages. */
export async function lookAt(client: ImapFlow, uids: readonly number[]): Promise<Looked> {
  if (uids.length === 0) return { found: [], uids: [] };
  return sort(await client.fetchAll(formatUidSet(uids), fields, { uid: true }), 0);
}

/** The UIDs from `firstUid` on, in lists small enough for one look each. */
export async function listUids(client: ImapFlow, firstUid: number): Promise<number[][]> {
  const uids = await client.search({ uid: `${firstUid}:*` }, { uid: true });
  return chunkUids(
    (Array.isArray(uids) ? uids : []).filter((uid) => uid >= firstUid),
    chunkSize,
  );
}

/** The UIDs of messages that came since `since` and have an Email-Notify header, in lists small enough for one look each. */
export async function searchPushMail(client: ImapFlow, since: Date): Promise<number[][]> {
  const uids = await client.search({ since, header: { 'Email-Notify': 'v=1' } }, { uid: true });
  return chunkUids(Array.isArray(uids) ? uids : [], chunkSize);
}
