import type { ImapFlow } from 'imapflow';
import { refusedError } from './errors.js';

/** A message as far as it was asked for, or the news that it is not there any more. */
export type FetchedMail = { readonly kind: 'mail'; readonly bytes: Uint8Array } | { readonly kind: 'gone' };

/**
 * Fetches at most `maxBytes` of a message without marking it read (`BODY.PEEK[]<0.maxBytes>`, RFC 9051 §6.4.5).
 *
 * @throws ImapError `ERR_IMAP_REFUSED` when the message is there and the server gives nothing of it.
 */
export async function fetchMail(client: ImapFlow, uid: number, maxBytes: number): Promise<FetchedMail> {
  const query = { uid: true, source: { start: 0, maxLength: maxBytes } };
  let there = false;
  let bytes: Uint8Array | undefined;
  // Not the first answer but the right one: changed flags that are announced in between come as answers too.
  for await (const message of client.fetch(`${uid}`, query, { uid: true })) {
    if (message.uid !== uid) continue;
    there = true;
    if (Buffer.isBuffer(message.source)) bytes ??= message.source.subarray(0, maxBytes);
  }
  if (bytes !== undefined) return { kind: 'mail', bytes };
  if (there) throw refusedError();
  return { kind: 'gone' };
}
