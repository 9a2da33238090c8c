import PQueue from 'p-queue';
import { generateKey, serializePrivateKey } from '../../crypto/index.js';
import { isUniqueName } from '../../dbus/index.js';
import { formatChannel, limits } from '../../notify-spec/index.js';
import type { Runtime } from '../../runtime.js';
import type { Channels } from '../channels.js';
import type { Registration, Store } from '../store/index.js';

/** Whom a new channel is for. */
export type ChannelOwner = Pick<
  Registration,
  'purpose' | 'service' | 'token' | 'protocol' | 'description' | 'vapid' | 'sender' | 'gateway'
>;

/** What {@link Registrations} works with. */
export interface RegistrationsOptions {
  /** The mail address of new channels. */
  readonly address: string;
  /** Which bus it is: a unique name means something on its own bus only. */
  readonly busId: string;
  readonly channels: Channels;
  readonly store: Pick<Store, 'saveRegistrations'>;
  readonly runtime: Runtime;
  /** Told of every new, changed, replaced or ended registration, after it is on disk. */
  readonly changed: (registration: Registration) => void;
  /** Told at once who may push on the channel of a registration from now on. */
  readonly trustChanged: (registration: Registration) => void;
}

/**
 * Makes, changes and ends registrations. Each write is in memory at once, so that what pushes teach meanwhile is not lost; if
 * the disk does not take it, memory is as it was before, and the call rejects with a `StoreError`.
 */
export interface Registrations {
  /**
   * Does one thing at a time, so that nobody decides by what another one is just changing: everything that looks for a
   * registration in order to make, replace or retire one. Not to be called from inside `act`.
   */
  inTurn<T>(act: () => Promise<T>): Promise<T>;
  /** Makes a registration with a new channel and a new key. It is in memory and on disk only once it is saved. */
  make(owner: ChannelOwner): Promise<Registration>;
  /** Writes all of them or none. They are made from what `channels` has now, as a pin may have been set meanwhile. */
  save(...registrations: readonly Registration[]): Promise<void>;
  /**
   * Puts a new channel in the place of another one, which drains from now on. Gives false, and changes nothing, when that one
   * has been replaced or has ended meanwhile.
   */
  replace(channel: string, made: Registration): Promise<boolean>;
  /** Ends these registrations, those that have not ended yet, in one write. */
  retire(...channels: readonly string[]): Promise<void>;
  /**
   * Writes who may push on these channels: `sender`, `pin`, `next`, `peer`, and `gateway` with `isTold` along with them. The couriers go by
   * it at once, and go back to what was before if the disk does not take it.
   */
  saveTrust(...registrations: readonly Registration[]): Promise<void>;
}

/** What pushes have taught about the sender of a channel. */
const learnedOf = ({ pin, next, peer }: Registration): Pick<Registration, 'pin' | 'next' | 'peer'> => ({
  pin,
  next,
  peer,
});

/** Makes it. */
export function createRegistrations(options: RegistrationsOptions): Registrations {
  const { address, busId, channels, store, runtime, changed, trustChanged } = options;
  const turns = new PQueue({ concurrency: 1 });

  async function save(...registrations: readonly Registration[]): Promise<void> {
    const before = registrations.map(({ channel }) => ({ channel, known: channels.get(channel) }));
    for (const registration of registrations) channels.put(registration);
    try {
      await store.saveRegistrations(registrations);
    } catch (error) {
      for (const { channel, known } of before) {
        if (known === undefined) channels.delete(channel);
        else channels.put({ ...known, ...learnedOf(channels.get(channel) ?? known) });
      }
      throw error;
    }
    for (const registration of registrations) changed(registration);
  }

  return {
    inTurn: async (act) => await turns.add(act),
    make: async (owner) => {
      const key = await generateKey({ address, now: runtime.now() });
      return {
        ...owner,
        channel: formatChannel(runtime.randomBytes(limits.channelBytes)),
        busId: isUniqueName(owner.service) ? busId : null,
        address,
        registeredAt: runtime.now(),
        replacedAt: null,
        retiredAt: null,
        key: serializePrivateKey(key),
        pin: null,
        next: null,
        peer: null,
        isTold: owner.purpose !== 'app',
      };
    },
    save,
    replace: async (channel, made) => {
      const known = channels.get(channel);
      if (known === undefined || known.retiredAt !== null || known.replacedAt !== null) return false;
      await save({ ...known, replacedAt: runtime.now() }, made);
      return true;
    },
    retire: async (...ending) => {
      const known = ending.map((channel) => channels.get(channel)).filter((one) => one !== undefined);
      const open = known.filter(({ retiredAt }) => retiredAt === null);
      if (open.length > 0) await save(...open.map((one) => ({ ...one, retiredAt: runtime.now() })));
    },
    saveTrust: async (...registrations) => {
      const before = registrations.map((registration) => channels.get(registration.channel) ?? registration);
      // In memory at once, so that no push that is being recorded brings the old pin to the disk again.
      registrations.forEach(channels.put);
      registrations.forEach(trustChanged);
      try {
        await store.saveRegistrations(registrations);
      } catch (error) {
        for (const { channel, sender, pin, next, peer, gateway, isTold } of before) {
          const known = channels.get(channel);
          if (known === undefined) continue;
          const restored = { ...known, sender, pin, next, peer, gateway, isTold };
          channels.put(restored);
          trustChanged(restored);
        }
        throw error;
      }
    },
  };
}
