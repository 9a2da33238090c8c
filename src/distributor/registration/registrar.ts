import PQueue from 'p-queue';
import { generateKey, serializePrivateKey } from '../../crypto/index.js';
import { type Bus, failureReasons, isUniqueName } from '../../dbus/index.js';
import { formatChannel, limits, NotifyError } from '../../notify-spec/index.js';
import type { Runtime } from '../../runtime.js';
import type { Apps } from '../apps/index.js';
import type { Channels } from '../channels.js';
import type { Registration, Store } from '../store/index.js';
import { checkCaller } from './caller.js';
import { type Checked, type CheckedRequest, checkRequest, type RegisterRequest, refuse } from './request.js';

/** Registers and unregisters apps, the same for both versions of the interface. */
export interface Registrar {
  /**
   * Registers an app, without the network. A token that is registered already keeps its channel. The endpoint follows by
   * `NewEndpoint` after the reply.
   */
  register(sender: string, request: RegisterRequest): Promise<Checked<undefined>>;
  /** Ends a registration on behalf of its app; the confirmation follows by `Unregistered`, also if it had ended before. */
  unregister(sender: string, token: string): Promise<Checked<undefined>>;
  /** Ends the registrations of a connection that is gone. */
  connectionGone(uniqueName: string): Promise<void>;
  /** Brings registrations of an earlier run up to date: another address means new endpoints, a connection may be gone. */
  refresh(): Promise<void>;
}

/** What a {@link Registrar} works with. */
export interface RegistrarOptions {
  readonly bus: Pick<Bus, 'uniqueName' | 'nameOwner' | 'listActivatableNames'>;
  /** Which bus it is: a unique name means something on its own bus only. */
  readonly busId: string;
  readonly ownNames: readonly string[];
  readonly address: string;
  /** `deny`: no app may register. */
  readonly policy: 'allow' | 'deny';
  readonly channels: Channels;
  readonly store: Pick<Store, 'saveRegistrations'>;
  readonly apps: Pick<Apps, 'newEndpoint' | 'unregistered'>;
  readonly runtime: Runtime;
  /** Told of every new, changed or ended registration, after it is on disk. */
  readonly changed: (registration: Registration) => void;
}

/** So many live registrations are enough for any desktop; more is a program gone wild. */
const maxRegistrations = 1000;
const maxPerService = 100;

const done: Checked<undefined> = { ok: true, value: undefined };

/** What pushes have taught about the sender of a channel. */
const learnedOf = ({ pin, next, peer }: Registration): Pick<Registration, 'pin' | 'next' | 'peer'> => ({
  pin,
  next,
  peer,
});

/** Makes a registrar. */
export function createRegistrar(options: RegistrarOptions): Registrar {
  const { bus, busId, ownNames, address, policy, channels, store, apps, runtime, changed } = options;
  // One at a time, so that two calls with one token get one channel.
  const serial = new PQueue({ concurrency: 1 });

  function isFull(service: string): boolean {
    const live = channels.live();
    return live.length >= maxRegistrations || live.filter((one) => one.service === service).length >= maxPerService;
  }

  async function make(request: CheckedRequest): Promise<Registration> {
    const key = await generateKey({ address, now: runtime.now() });
    const { protocol, service, token, description, vapid, sender } = request;
    return {
      protocol,
      service,
      token,
      description,
      vapid: vapid ?? null,
      sender: sender ?? null,
      channel: formatChannel(runtime.randomBytes(limits.channelBytes)),
      busId: isUniqueName(service) ? busId : null,
      address,
      registeredAt: runtime.now(),
      purpose: 'app',
      replacedAt: null,
      retiredAt: null,
      key: serializePrivateKey(key),
      pin: null,
      next: null,
      peer: null,
      gateway: null,
    };
  }

  /** In memory at once, so that what is learned meanwhile is not lost; back again if the disk does not take it. */
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

  async function registerNew(request: CheckedRequest): Promise<Checked<undefined>> {
    if (isFull(request.service)) {
      return refuse(failureReasons.actionRequired, 'There are too many registrations already.');
    }
    const made = await make(request);
    try {
      const endpoint = await channels.endpoint(made);
      await save(made);
      apps.newEndpoint(made, endpoint);
      return done;
    } catch (error) {
      channels.delete(made.channel);
      if (!(error instanceof NotifyError)) throw error;
      return refuse(failureReasons.actionRequired, 'The mail address of the user is too long for an endpoint.');
    }
  }

  async function registerAgain(channel: string, request: CheckedRequest): Promise<Checked<undefined>> {
    const before = channels.get(channel);
    if (before?.service !== request.service) {
      return refuse(failureReasons.unauthorized, 'This token belongs to another service.');
    }
    const endpoint = await channels.endpoint(before);
    // Looked up again, because a pin may have been set meanwhile.
    const known = channels.get(channel) ?? before;
    const trusted = known.pin?.fingerprint ?? known.sender;
    if (request.sender !== undefined && request.sender !== (trusted ?? request.sender)) {
      return refuse(failureReasons.unauthorized, 'This token has another sender: unregister it first.');
    }
    const { protocol, description, vapid } = request;
    const sender = known.sender ?? request.sender ?? null;
    const registration = { ...known, protocol, description, vapid: vapid ?? null, sender };
    await save(registration);
    apps.newEndpoint(registration, endpoint);
    return done;
  }

  async function retire({ channel }: Registration): Promise<void> {
    const registration = channels.get(channel);
    if (registration !== undefined) await save({ ...registration, retiredAt: runtime.now() });
  }

  /** A channel belongs to one address; with another address an app gets another channel. */
  async function move(registration: Registration): Promise<void> {
    const { vapid, sender, ...request } = registration;
    const moved = await make({ ...request, vapid: vapid ?? undefined, sender: sender ?? undefined });
    const endpoint = await channels.endpoint(moved);
    const retired = { ...(channels.get(registration.channel) ?? registration), retiredAt: runtime.now() };
    await save(retired, moved);
    apps.newEndpoint(moved, endpoint);
  }

  return {
    register: async (sender, request) => {
      const checked = checkRequest(request);
      if (!checked.ok) return checked;
      if (policy === 'deny') return refuse(failureReasons.unauthorized, 'The user lets no app register.');
      const { service, token } = checked.value;
      return await serial.add(async () => {
        // In its turn, so that the end of the caller's connection cannot be handled before its registration is there.
        const allowed = await checkCaller(bus, sender, service, ownNames);
        if (!allowed.ok) return allowed;
        const known = channels.withToken(token);
        return known === undefined
          ? await registerNew(checked.value)
          : await registerAgain(known.channel, checked.value);
      });
    },
    unregister: async (sender, token) =>
      await serial.add(async () => {
        // Asked once more: the confirmation may have been lost with the daemon that was to send it.
        const registration = channels.withToken(token) ?? channels.endedWithToken(token);
        if (registration === undefined) return refuse(failureReasons.internalError, 'This token is not registered.');
        const allowed = await checkCaller(bus, sender, registration.service, ownNames);
        if (!allowed.ok) return allowed;
        if (registration.retiredAt === null) await retire(registration);
        apps.unregistered(registration, true);
        return done;
      }),
    connectionGone: async (uniqueName) =>
      await serial.add(async () => {
        for (const registration of channels.live()) {
          if (registration.service === uniqueName && registration.busId === busId) await retire(registration);
        }
      }),
    refresh: async () =>
      await serial.add(async () => {
        for (const registration of channels.live()) {
          const { busId: bornOn, service } = registration;
          const isGone = bornOn !== null && (bornOn !== busId || (await bus.nameOwner(service)) === undefined);
          if (isGone) await retire(registration);
          else if (registration.address !== address) await move(registration);
        }
      }),
  };
}
