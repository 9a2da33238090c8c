import type { ImapFlow } from 'imapflow';

/** A mailbox with less room than this takes hardly another push. */
const leastFreeBytes = 16_384;

/**
 * Whether there is no room for another push in a folder, for a server with QUOTA (RFC 9208); undefined when it does not say.
 */
export async function isFull(client: ImapFlow, path: string): Promise<boolean | undefined> {
  const quota = await client.getQuota(path);
  if (!quota) return undefined;
  const { storage, message } = quota;
  // A limit of 0 means none on many a server.
  const lacks = (resource: typeof storage, least: number): boolean =>
    resource?.usage !== undefined && Boolean(resource.limit) && (resource.limit ?? 0) - resource.usage < least;
  return lacks(storage, leastFreeBytes) || lacks(message, 1);
}
