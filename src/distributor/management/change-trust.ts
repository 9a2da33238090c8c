import { BusError, errorNames } from '../../dbus/index.js';
import { isFingerprint } from '../../notify-spec/index.js';
import type { Log } from '../../runtime.js';
import type { Channels } from '../channels.js';
import { shortChannel } from '../journal.js';
import type { Registrar, Registrations } from '../registration/index.js';
import type { Registration } from '../store/index.js';
import type { TrustAnswer } from './status.js';

/** What the user's word on who may push is carried out with. */
export interface ChangeTrustOptions {
  readonly channels: Pick<Channels, 'live' | 'draining'>;
  readonly registrations: Pick<Registrations, 'inTurn' | 'saveTrust'>;
  /** Whether an app gets its endpoint from a gateway hangs on who may push to it. */
  readonly registrar: Pick<Registrar, 'refresh'>;
  readonly log: Log;
}

/**
 * Sets who may push to an app: only the key with this fingerprint (40 hexadecimal digits), or with an empty one
 * whoever pushes first from now on. `app` is a service, of which all registrations are changed, or the beginning of a
 * channel as `Apps` tells it. Rejects with a `BusError` that says what is wrong, and with a `StoreError`; nothing is
 * changed then.
 */
export type ChangeTrust = (app: string, fingerprint: string) => Promise<TrustAnswer>;

/** Makes it. */
export function createChangeTrust(options: ChangeTrustOptions): ChangeTrust {
  const { channels, registrations, registrar, log } = options;

  const refused = (errorName: string, sentence: string): BusError =>
    new BusError('ERR_BUS_ARGUMENT', sentence, { errorName });

  /**
   * A key that is pinned already stays; of another one only the fingerprint is known until its handshake comes. The first that
   * pushes behind a gateway is the gateway: it is pinned from the start, as its pushes come without a handshake.
   */
  function withTrust(registration: Registration, fingerprint: string): Registration {
    const { pin, gateway } = registration;
    if (fingerprint === '' && gateway !== null) return { ...registration, sender: null };
    if (fingerprint === '') return { ...registration, sender: null, pin: null, next: null, peer: null };
    const stays = pin?.fingerprint === fingerprint;
    return { ...registration, sender: fingerprint, pin: stays ? pin : null, next: null };
  }

  return async (app, fingerprint) => {
    if (fingerprint !== '' && !isFingerprint(fingerprint)) {
      throw refused(errorNames.invalidArgs, 'A fingerprint has 40 hexadecimal digits: look at the key again.');
    }
    const fits = ({ service, channel }: Registration): boolean => service === app || shortChannel(channel) === app;
    const answer = await registrations.inTurn(async () => {
      // Whoever may not push to an app any more may not do so by an endpoint that it had before either.
      const before = [...channels.live(), ...channels.draining()].filter(fits);
      if (before.length === 0) {
        throw refused(errorNames.invalidArgs, 'No such app is registered: "mailpush apps" lists those that are.');
      }
      const changed = before.map((registration) => withTrust(registration, fingerprint.toLowerCase()));
      await registrations.saveTrust(...changed);
      for (const { service, channel } of changed) {
        log.info({ event: 'app.trust', service, channel: shortChannel(channel) }, 'The user has said who may push.');
      }
      return { changed: changed.map(({ service, channel }) => ({ service, channel: shortChannel(channel) })) };
    });
    try {
      await registrar.refresh();
    } catch (err) {
      log.error({ event: 'store.write', err }, 'An app could not be given the endpoint that is for it from now on.');
    }
    return answer;
  };
}
