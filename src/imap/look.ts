import type { FetchQueryObject, ImapFlow } from 'imapflow';
import { parseRoutingHeader } from '../notify-spec/index.js';
import { refusedError } from './errors.js';
import { formatUidSet } from './uid-set.js';
import { maxHeaderBytes } from './wire-guard.js';

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
  /** The highest UID that was seen; 0 if there was none. */
  readonly lastUid: number;
}

/** One look is for a thousand messages at most; more may come while it runs, but not without end. */
const maxMessages = 20_000;

const fields: FetchQueryObject = { uid: true, size: true, headers: ['Email-Notify'] };

/** The channel that a header block of only Email-Notify lines names; none unless there is exactly one valid header. */
export function readRoutingHeader(block: Uint8Array): string | undefined {
  // It was cut off there, and what is left of it could mean something else.
  if (block.length >= maxHeaderBytes) return undefined;
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

/** Looks at messages by UID, size and Email-Notify header alone; no flag is set. */
async function look(client: ImapFlow, range: string, firstUid: number): Promise<Looked> {
  const found = new Map<number, Found>();
  let lastUid = 0;
  let messages = 0;
  for await (const { uid, size, headers } of client.fetch(range, fields, { uid: true })) {
    messages += 1;
    if (messages > maxMessages) throw refusedError(new Error('It answered with more messages than there can be.'));
    // A server may announce changed flags in between, which looks like an answer but has no header and maybe no UID;
    // and `n:*` brings the last message even if its UID is below n (RFC 9051 §6.4.9).
    if (!(uid >= firstUid) || !Buffer.isBuffer(headers)) continue;
    lastUid = Math.max(lastUid, uid);
    const channel = readRoutingHeader(headers);
    if (channel !== undefined) found.set(uid, { uid, sizeBytes: size ?? 0, channel });
  }
  return { found: [...found.values()].sort((a, b) => a.uid - b.uid), lastUid };
}

/** Looks at every message from `firstUid` on. */
export async function lookSince(client: ImapFlow, firstUid: number): Promise<Looked> {
  return await look(client, `${firstUid}:*`, firstUid);
}

/** Looks at exactly these messages. */
export async function lookAt(client: ImapFlow, uids: readonly number[]): Promise<Looked> {
  if (uids.length === 0) return { found: [], lastUid: 0 };
  return await look(client, formatUidSet(uids), 1);
}
