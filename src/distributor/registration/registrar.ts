import { type Bus, failureReasons } from '../../dbus/index.js';
import { NotifyError } from '../../notify-spec/index.js';
import type { Runtime } from '../../runtime.js';
import type { Announcer } from '../announcer.js';
import type { Apps } from '../apps/index.js';
import type { Channels } from '../channels.js';
import type { Endpoints } from '../endpoints.js';
import type { Registration } from '../store/index.js';
import { checkCaller } from './caller.js';
import { mend } from './mend.js';
import type { Registrations } from './registrations.js';
import { type Checked, type CheckedRequest, checkRequest, type RegisterRequest, refuse } from './request.js';

/** Registers and unregisters apps, the same for both versions of the interface. */
export interface Registrar {
  /**
   * Registers an app, without the network. A token that is registered already keeps its channel. The endpoint follows by
   * `NewEndpoint` after the reply; one of a gateway when it is there.
   */
  register(sender: string, request: RegisterRequest): Promise<Checked<undefined>>;
  /** Ends a registration on behalf of its app; the confirmation follows by `Unregistered`, also if it had ended before. */
  unregister(sender: string, token: string): Promise<Checked<undefined>>;
  /** Ends the registrations of a connection that is gone. */
  connectionGone(uniqueName: string): Promise<void>;
  /**
   * Brings registrations of an earlier run up to date: another address or another gateway means new channels and endpoints, the
   * old ones drain; a connection may be gone; control channels of former gateways end; an app that was not told its endpoint is told.
   */
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
  readonly registrations: Registrations;
  readonly endpoints: Endpoints;
  readonly apps: Announcer & Pick<Apps, 'unregistered'>;
  readonly runtime: Pick<Runtime, 'now'>;
}

/** So many live registrations are enough for any desktop; more is a program gone wild. */
const maxRegistrations = 1000;
const maxPerService = 100;

const done: Checked<undefined> = { ok: true, value: undefined };

/** Makes a registrar. */
export function createRegistrar(options: RegistrarOptions): Registrar {
  const { bus, busId, ownNames, address, policy, channels, registrations, endpoints, apps, runtime } = options;
  const { inTurn } = registrations;

  /** Channels that drain do not count: an app can make one of each at most, and housekeeping bounds them. */
  function isFull(service: string): boolean {
    const live = channels.live();
    return live.length >= maxRegistrations || live.filter((one) => one.service === service).length >= maxPerService;
  }

  function tell(registration: Registration, endpoint: string | undefined): void {
    if (endpoint !== undefined) apps.newEndpoint(registration, endpoint);
  }

  async function registerNew(request: CheckedRequest): Promise<Checked<undefined>> {
    if (isFull(request.service)) {
      return refuse(failureReasons.actionRequired, 'There are too many registrations already.');
    }
    const { vapid = null, sender = null, ...rest } = request;
    const gateway = endpoints.gatewayFor({ sender });
    const made = await registrations.make({ ...rest, purpose: 'app', vapid, sender, gateway });
    try {
      const endpoint = await endpoints.endpointOf(made);
      await registrations.save(made);
      tell(made, endpoint);
      return done;
    } catch (error) {
      channels.delete(made.channel);
      if (!(error instanceof NotifyError)) throw error;
      return refuse(failureReasons.actionRequired, 'The mail address of the user is too long for an endpoint.');
    }
  }

  /** Behind a gateway the key is pinned that the gateway has, not the app server's; an app may get one that sends mail. */
  function isLeaving({ gateway, sender }: Registration, named: string | undefined): named is string {
    if (gateway === null || sender !== null || named === undefined) return false;
    return endpoints.gatewayFor({ sender: named }) === null;
  }

  async function registerAgain(channel: string, request: CheckedRequest): Promise<Checked<undefined>> {
    const before = channels.get(channel);
    if (before?.service !== request.service) {
      return refuse(failureReasons.unauthorized, 'This token belongs to another service.');
    }
    const { protocol, description, vapid = null } = request;
    const endpoint = await endpoints.endpointOf({ ...before, vapid });
    // Looked up again, because a pin may have been set meanwhile.
    const known = channels.get(channel) ?? before;
    if (isLeaving(known, request.sender)) {
      await move({ ...known, protocol, description, vapid, sender: request.sender });
      return done;
    }
    const trusted = known.pin?.fingerprint ?? known.sender;
    if (request.sender !== undefined && request.sender !== (trusted ?? request.sender)) {
      return refuse(failureReasons.unauthorized, 'This token has another sender: unregister it first.');
    }
    const sender = known.sender ?? request.sender ?? null;
    const registration = { ...known, protocol, description, vapid, sender, isTold: false };
    await registrations.save(registration);
    tell(registration, endpoint);
    return done;
  }

  /** A channel belongs to one address and one gateway; with another one an app gets another channel. */
  async function move(registration: Registration): Promise<void> {
    const { purpose, service, token, protocol, description, vapid, sender, channel } = registration;
    const gateway = endpoints.gatewayFor(registration);
    const app = { purpose, service, token, protocol, description, vapid, sender, gateway };
    const moved = await registrations.make(app);
    const endpoint = await endpoints.endpointOf(moved);
    if (await registrations.replace(channel, moved)) tell(moved, endpoint);
  }

  /** The channels that one has replaced: they end together with it. */
  function drainingInto({ token, service }: Registration): string[] {
    const draining = channels.draining().filter((one) => one.token === token && one.service === service);
    return draining.map(({ channel }) => channel);
  }

  const isOutdated = (registration: Registration): boolean =>
    registration.address !== address || registration.gateway?.url !== endpoints.gatewayFor(registration)?.url;

  return {
    register: async (sender, request) => {
      const checked = checkRequest(request);
      if (!checked.ok) return checked;
      if (policy === 'deny') return refuse(failureReasons.unauthorized, 'The user lets no app register.');
      const { service, token } = checked.value;
      return await inTurn(async () => {
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
      await inTurn(async () => {
        // Asked once more: the confirmation may have been lost with the daemon that was to send it.
        const draining = channels.draining().find((one) => one.token === token);
        const registration = channels.withToken(token) ?? draining ?? channels.endedWithToken(token);
        if (registration === undefined) return refuse(failureReasons.internalError, 'This token is not registered.');
        const allowed = await checkCaller(bus, sender, registration.service, ownNames);
        if (!allowed.ok) return allowed;
        await registrations.retire(registration.channel, ...drainingInto(registration));
        apps.unregistered(registration, true);
        return done;
      }),
    connectionGone: async (uniqueName) =>
      await inTurn(async () => {
        const open = [...channels.live(), ...channels.draining()];
        const gone = open.filter((one) => one.service === uniqueName && one.busId === busId);
        await registrations.retire(...gone.map(({ channel }) => channel));
      }),
    refresh: async () =>
      await inTurn(async () => {
        const gone = channels
          .controls()
          .filter(isOutdated)
          .map(({ channel }) => channel);
        for (const { busId: bornOn, service, channel } of [...channels.live(), ...channels.draining()]) {
          const isGone = bornOn !== null && (bornOn !== busId || (await bus.nameOwner(service)) === undefined);
          if (isGone) gone.push(channel);
        }
        await registrations.retire(...gone);
        const mended = mend([...channels.live(), ...channels.draining()], runtime.now());
        if (mended.length > 0) await registrations.save(...mended);
        for (const registration of channels.live()) {
          if (isOutdated(registration)) await move(registration);
          else if (!registration.isTold) tell(registration, await endpoints.endpointOf(registration));
        }
      }),
  };
}
