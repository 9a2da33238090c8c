import { formatAutocrypt, type PrivateKey, parsePrivateKey } from '../crypto/index.js';
import { formatEndpoint } from '../notify-spec/index.js';
import type { Registration } from './store/index.js';

/** Every registration that a push mail can still be for, current, replaced or retired, with its key. */
export interface Channels {
  get(channel: string): Registration | undefined;
  /** The current registration of a token. */
  withToken(token: string): Registration | undefined;
  /** The registration of a token that has ended last. */
  endedWithToken(token: string): Registration | undefined;
  /** All there are, control channels included. */
  all(): readonly Registration[];
  /** The current registrations of apps: neither retired nor replaced. */
  live(): readonly Registration[];
  /** Those of apps whose place another channel has taken, and which are not retired yet. */
  draining(): readonly Registration[];
  /** All control channels that are not retired, former gateways' included. */
  controls(): readonly Registration[];
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
  const open = (wanted: Registration['purpose']): readonly Registration[] =>
    all().filter(({ purpose, retiredAt }) => purpose === wanted && retiredAt === null);
  const live = (): readonly Registration[] => open('app').filter(({ replacedAt }) => replacedAt === null);

  function key({ channel, key: data }: Registration): Promise<PrivateKey> {
    const parsed = keys.get(channel) ?? parsePrivateKey(data);
    keys.set(channel, parsed);
    return parsed;
  }

  return {
    get: (channel) => registrations.get(channel),
    withToken: (token) =>
      live()
        .filter((registration) => registration.token === token)
        .reduce<Registration | undefined>((a, b) => ((a?.registeredAt ?? 0) > b.registeredAt ? a : b), undefined),
    endedWithToken: (token) =>
      all()
        .filter(({ purpose, retiredAt, ...one }) => purpose === 'app' && retiredAt !== null && one.token === token)
        .reduce<Registration | undefined>((a, b) => ((a?.retiredAt ?? 0) > (b.retiredAt ?? 0) ? a : b), undefined),
    all,
    live,
    draining: () => open('app').filter(({ replacedAt }) => replacedAt !== null),
    controls: () => open('grant'),
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
