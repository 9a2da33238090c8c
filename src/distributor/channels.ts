import { formatAutocrypt, type PrivateKey, parsePrivateKey } from '../crypto/index.js';
import { formatEndpoint } from '../notify-spec/index.js';
import type { Registration } from './store/index.js';

/** Every registration that a push mail can still be for, live or retired, with its key. */
export interface Channels {
  get(channel: string): Registration | undefined;
  /** The live registration of a token. */
  withToken(token: string): Registration | undefined;
  /** The registration of a token that has ended last. */
  endedWithToken(token: string): Registration | undefined;
  all(): readonly Registration[];
  live(): readonly Registration[];
  put(registration: Registration): void;
  delete(channel: string): void;
  /** The channel's private key; parsed once. */
  key(registration: Registration): Promise<PrivateKey>;
  /** What the app gives to its app server: a `mailto:` URI (docs/email-notify.md, Endpoint). */
  endpoint(registration: Registration): Promise<string>;
}

/** Makes the index from what the store knows. */
export function createChannels(known: readonly Registration[]): Channels {
  const registrations = new Map(known.map((registration) => [registration.channel, registration]));
  const keys = new Map<string, Promise<PrivateKey>>();
  const all = (): readonly Registration[] => [...registrations.values()];
  const live = (): readonly Registration[] => all().filter(({ retiredAt }) => retiredAt === null);

  function key({ channel, key: data }: Registration): Promise<PrivateKey> {
    const parsed = keys.get(channel) ?? parsePrivateKey(data);
    keys.set(channel, parsed);
    return parsed;
  }

  return {
    get: (channel) => registrations.get(channel),
    withToken: (token) => live().find((registration) => registration.token === token),
    endedWithToken: (token) =>
      all()
        .filter((registration) => registration.retiredAt !== null && registration.token === token)
        .reduce<Registration | undefined>((a, b) => ((a?.retiredAt ?? 0) > (b.retiredAt ?? 0) ? a : b), undefined),
    all,
    live,
    put: (registration) => {
      registrations.set(registration.channel, registration);
    },
    delete: (channel) => {
      registrations.delete(channel);
      keys.delete(channel);
    },
    key,
    endpoint: async (registration) => {
      const { address, channel } = registration;
      const { keydata } = (await key(registration)).publicKey;
      return formatEndpoint({ address, channel, autocrypt: formatAutocrypt({ address, keydata }) });
    },
  };
}
