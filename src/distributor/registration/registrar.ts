import PQueue from 'p-queue';
import { generateKey, serializePrivateKey } from '../../crypto/index.js';
import { type Bus, failureReasons, isUniqueName } from '../../dbus/index.js';
import { formatChannel } from '../../notify-spec/index.js';
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
  /** Ends a registration on behalf of its app; the confirmation follows by `Unregistered`. */
  unregister(sender: string, token: string): Promise<Checked<undefined>>;
  /** Ends the registrations of a connection that is gone. */
  connectionGone(uniqueName: string): Promise<void>;
  /** Brings registrations of an earlier run up to date: another address means new endpoints, a connection may be gone. */
  refresh(): Promise<void>;
}

/** What a {@link Registrar} works with. */
export interface RegistrarOptions {
  readonly bus: Bus;
  readonly busId: string;
  readonly ownNames: readonly string[];
  readonly address: string;
  /** `deny`: no app may register. */
  readonly policy: 'allow' | 'deny';
  readonly channels: Channels;
  readonly store: Store;
  readonly apps: Apps;
  readonly runtime: Runtime;
  /** Told of every new and every ended registration, after it is on disk. */
  readonly changed: (registration: Registration) => void;
}

/** So many live registrations are enough for any desktop; more is a program gone wild. */
const maxRegistrations = 1000;
const maxPerService = 100;

const channelBytes = 20;
const done: Checked<undefined> = { ok: true, value: undefined };

/** Makes a registrar. */
export function createRegistrar(options: RegistrarOptions): Registrar {
  const { bus, busId, ownNames, address, policy, channels, store, apps, runtime, changed } = options;
  // One at a time, so that two calls with one token get one channel.
  const serial = new PQueue({ concurrency: 1 });

  /** After the reply has gone out; nobody waits for it. */
  function afterReply(act: () => Promise<void>): void {
    setImmediate(() => {
      act().catch((error: unknown) => runtime.log.warn({ event: 'app.tell', err: error }, 'An app could not be told.'));
    });
  }

  function room(service: string): Checked<undefined> {
    const live = channels.live();
    if (live.length >= maxRegistrations || live.filter((r) => r.service === service).length >= maxPerService) {
      return refuse(failureReasons.actionRequired, 'There are too many registrations already.');
    }
    return done;
  }

  async function make(request: CheckedRequest): Promise<Registration> {
    const key = await generateKey({ address, now: runtime.now() });
    return {
      ...request,
      channel: formatChannel(runtime.randomBytes(channelBytes)),
      busId: isUniqueName(request.service) ? busId : null,
      vapid: request.vapid ?? null,
      sender: request.sender ?? null,
      address,
      registeredAt: runtime.now(),
      retiredAt: null,
      key: serializePrivateKey(key),
      pin: null,
    };
  }

  /** In memory at once, so that a pin that is set meanwhile is not lost; back again if the disk does not take it. */
  async function save(registration: Registration): Promise<void> {
    const before = channels.get(registration.channel);
    channels.put(registration);
    try {
      await store.saveRegistration(registration);
    } catch (error) {
      if (before === undefined) channels.delete(registration.channel);
      else channels.put({ ...before, pin: channels.get(registration.channel)?.pin ?? before.pin });
      throw error;
    }
    changed(registration);
  }

  async function register(request: CheckedRequest): Promise<Checked<undefined>> {
    const known = channels.withToken(request.token);
    if (known !== undefined && known.service !== request.service) {
      return refuse(failureReasons.unauthorized, 'This token belongs to another service.');
    }
    if (
      known !== undefined &&
      request.sender !== undefined &&
      request.sender !== (known.pin?.fingerprint ?? known.sender)
    ) {
      return refuse(failureReasons.unauthorized, 'This token has another sender: unregister it first.');
    }
    let registration: Registration;
    if (known === undefined) {
      const checked = room(request.service);
      if (!checked.ok) return checked;
      registration = await make(request);
    } else {
      const { protocol, description, vapid } = request;
      registration = { ...known, protocol, description, vapid: vapid ?? null };
    }
    await save(registration);
    const endpoint = await channels.endpoint(registration);
    afterReply(() => apps.newEndpoint(registration, endpoint));
    return done;
  }

  async function retire({ channel }: Registration): Promise<void> {
    const registration = channels.get(channel);
    if (registration !== undefined) await save({ ...registration, retiredAt: runtime.now() });
  }

  /** A channel belongs to one address; with another address an app gets another channel. */
  async function move(registration: Registration): Promise<void> {
    const { protocol, service, token, description, vapid, sender } = registration;
    const moved = await make({
      protocol,
      service,
      token,
      description,
      vapid: vapid ?? undefined,
      sender: sender ?? undefined,
    });
    await retire(registration);
    await save(moved);
    await apps.newEndpoint(moved, await channels.endpoint(moved));
  }

  return {
    register: async (sender, request) => {
      const checked = checkRequest(request);
      if (!checked.ok) return checked;
      if (policy === 'deny') return refuse(failureReasons.unauthorized, 'The user lets no app register.');
      const allowed = await checkCaller(bus, sender, checked.value.service, ownNames);
      if (!allowed.ok) return allowed;
      return await serial.add(() => register(checked.value));
    },
    unregister: async (sender, token) =>
      await serial.add(async () => {
        const registration = channels.withToken(token);
        if (registration === undefined) return refuse(failureReasons.internalError, 'This token is not registered.');
        const allowed = await checkCaller(bus, sender, registration.service, ownNames);
        if (!allowed.ok) return allowed;
        await retire(registration);
        afterReply(() => apps.unregistered(registration, true));
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
