import type { ImapFlow } from 'imapflow';

/** A message as far as it was asked for, or the news that it is not there any more. */
export type FetchedMail = { readonly kind: 'mail'; readonly bytes: Uint8Array } | { readonly kind: 'gone' };

/** Fetches at most `maxBytes` of a message without marking it read (`BODY.PEEK[]<0.maxBytes>`, RFC 9051 §6.4.5). */
export async function fetchMail(client: ImapFlow, uid: number, maxBytes: number): Promise<FetchedMail> {
  const message = await client.fetchOne(
    `${uid}`,
    { uid: true, source: { start: 0, maxLength: maxBytes } },
    { uid: true },
  );
  if (!message || message.uid !== uid || message.source === undefined) return { kind: 'gone' };
  return { kind: 'mail', bytes: message.source };
}
