import { type PublicKey, parseAutocrypt, parsePublicKey } from '../crypto/index.js';
import type { MailEndpoint } from '../notify-spec/index.js';
import { PushError } from './errors.js';

const maxKept = 1000;

/** Gives the channel key of an endpoint. Rejects with `ERR_ENDPOINT_INVALID`. */
export type FindChannelKey = (endpoint: MailEndpoint) => Promise<PublicKey>;

/** A {@link FindChannelKey} that parses each key once and keeps the thousand that were used last. */
export function createRecipients(): FindChannelKey {
  const kept = new Map<string, Promise<PublicKey>>();
  return (endpoint) => {
    const { autocrypt } = endpoint;
    const found = kept.get(autocrypt) ?? readKey(autocrypt);
    kept.delete(autocrypt);
    kept.set(autocrypt, found);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    return found;
  };
}

async function readKey(autocrypt: string): Promise<PublicKey> {
  try {
    return await parsePublicKey(parseAutocrypt(autocrypt).keydata);
  } catch (cause) {
    const sentence = 'The endpoint does not hold a usable key; ask the app for a new endpoint.';
    throw new PushError('ERR_ENDPOINT_INVALID', sentence, { cause });
  }
}
