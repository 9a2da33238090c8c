import { randomUUID } from 'node:crypto';
import { type Bus, BusError, connectBus, connectorPath, errorNames, unifiedPushLimits } from '../dbus/index.js';
import { ActiveRegistration } from './active-registration.js';
import type { Connector, ConnectorOptions, RegisterOptions, Registration } from './connector.js';
import { type ConnectorEvents, connectorInterfaces } from './connector-object.js';
import { registerWith, unregisterWith } from './distributor-client.js';
import { chooseDistributor, listDistributors } from './distributors.js';
import { ConnectorError, connectorClosed } from './errors.js';
import { Inbox } from './inbox.js';

const defaultAcceptWithinMs = 25_000;
const defaultRegisterTimeoutMs = 60_000;
const unregisterTimeoutMs = 10_000;
const maxEndpointBytes = 1000;
/** Messages for tokens that are not registered yet: the bus starts an app for one before the app can say who it is. */
const maxUnclaimed = 64;

/**
 * Connects an app to the session bus, makes it reachable for distributors and takes its bus name, in this order: a distributor
 * that has started the app by that name calls it at once.
 *
 * Rejects with {@link BusError} `ERR_BUS_…`, above all `ERR_BUS_NAME_TAKEN` when the app runs already, and with the signal's
 * reason when it is aborted.
 */
export async function createConnector(options: ConnectorOptions = {}): Promise<Connector> {
  const { busAddress, service, signal } = options;
  const bus = await connectBus({ ...(busAddress !== undefined && { address: busAddress }), ...(signal && { signal }) });
  try {
    const connector = new BusConnector(bus, options);
    if (service !== undefined) await bus.requestName(service);
    signal?.throwIfAborted();
    return connector;
  } catch (error) {
    await bus.close();
    throw error;
  }
}

class BusConnector implements Connector {
  readonly service: string;
  readonly #bus: Bus;
  readonly #options: ConnectorOptions;
  readonly #registrations = new Map<string, ActiveRegistration>();
  readonly #unclaimed = new Map<string, Inbox>();
  readonly #registering = new Map<string, Promise<Registration>>();
  #unclaimedCalls = 0;
  #isClosed = false;

  constructor(bus: Bus, options: ConnectorOptions) {
    this.#bus = bus;
    this.#options = options;
    this.service = options.service ?? bus.uniqueName;
    bus.export(connectorPath, connectorInterfaces(this.#events()));
    void bus.closed.then(() => this.#end(busLost()));
  }

  async distributors(): Promise<readonly string[]> {
    return await listDistributors(this.#bus);
  }

  async register(options: RegisterOptions = {}): Promise<Registration> {
    checkLimits(options);
    const token = options.token ?? randomUUID();
    const before = this.#registering.get(token) ?? Promise.resolve();
    const own = before.catch(() => {}).then(() => this.#register(token, options));
    this.#registering.set(token, own);
    try {
      return await own;
    } finally {
      if (this.#registering.get(token) === own) this.#registering.delete(token);
    }
  }

  async close(): Promise<void> {
    this.#end();
    await this.#bus.close();
  }

  async #register(token: string, options: RegisterOptions): Promise<Registration> {
    if (this.#isClosed) throw connectorClosed();
    const timeoutMs = options.timeoutMs ?? defaultRegisterTimeoutMs;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
    const registration = this.#registrations.get(token) ?? this.#claim(token);
    try {
      const distributor = this.#options.distributor ?? (await chooseDistributor(this.#bus));
      const { description, vapid, sender } = options;
      const request = { distributor, service: this.service, token, description, vapid, sender };
      // The signal speaks first, so that being late is one error wherever it happens.
      const callOptions = { timeoutMs: timeoutMs + 1000, signal };
      registration.place = { distributor, version: await registerWith(this.#bus, request, callOptions) };
      await registration.endpointKnown(signal);
      return registration;
    } catch (error) {
      await this.#giveUp(registration, options.token === undefined);
      const isLate = deadline.aborted && !options.signal?.aborted;
      throw isLate ? registrationTimeout(error) : error;
    }
  }

  #claim(token: string): ActiveRegistration {
    const inbox = this.#unclaimed.get(token) ?? new Inbox();
    this.#unclaimed.delete(token);
    const registration = new ActiveRegistration(token, inbox, (one) => this.#unregister(one));
    this.#registrations.set(token, registration);
    return registration;
  }

  /** A registration that never had an endpoint is forgotten; one whose token nobody knows is ended too. */
  async #giveUp(registration: ActiveRegistration, isTokenOurs: boolean): Promise<void> {
    if (registration.endpoint !== '') return;
    const isRegistered = registration.place !== undefined;
    if (isTokenOurs && isRegistered && !this.#isClosed) await this.#unregister(registration).catch(() => {});
    this.#registrations.delete(registration.token);
    registration.end();
  }

  async #unregister(registration: ActiveRegistration): Promise<void> {
    const { place, token } = registration;
    const isActive = this.#registrations.get(token) === registration;
    if (!isActive || place === undefined) return;
    await unregisterWith(this.#bus, { ...place, token }, { timeoutMs: unregisterTimeoutMs, signal: undefined });
    this.#registrations.delete(token);
    registration.end();
  }

  #events(): ConnectorEvents {
    return {
      message: (token, id, data, isAnswerRead) => this.#message(token, id, data, isAnswerRead),
      newEndpoint: (token, endpoint) => {
        // "a call with 'not_an_url' for the 'endpoint' must be ignored" (UnifiedPush D-Bus specification, Resources)
        const isUsable = Buffer.byteLength(endpoint) <= maxEndpointBytes && URL.canParse(endpoint);
        if (isUsable) this.#registrations.get(token)?.setEndpoint(endpoint);
      },
      unregistered: (token) => {
        this.#registrations.get(token)?.finish();
        this.#registrations.delete(token);
      },
    };
  }

  async #message(token: string, id: string, data: Uint8Array, isAnswerRead: boolean): Promise<void> {
    const acceptWithinMs = this.#options.acceptWithinMs ?? defaultAcceptWithinMs;
    const registration = this.#registrations.get(token);
    if (registration !== undefined) {
      await registration.inbox.offer(id, data, isAnswerRead ? acceptWithinMs : Number.POSITIVE_INFINITY);
      return;
    }
    if (this.#unclaimedCalls >= maxUnclaimed) {
      throw new BusError('ERR_MESSAGE_REFUSED', 'Unknown token', { errorName: errorNames.limitsExceeded });
    }
    const inbox = this.#unclaimed.get(token) ?? new Inbox();
    this.#unclaimed.set(token, inbox);
    this.#unclaimedCalls += 1;
    try {
      await inbox.offer(id, data, acceptWithinMs);
    } finally {
      this.#unclaimedCalls -= 1;
      if (inbox.isEmpty && this.#unclaimed.get(token) === inbox) this.#unclaimed.delete(token);
    }
  }

  #end(failure?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const registration of this.#registrations.values()) registration.end(failure);
    for (const inbox of this.#unclaimed.values()) inbox.end();
    this.#registrations.clear();
    this.#unclaimed.clear();
  }
}

/** UnifiedPush D-Bus specification, Resources: token and description at most 100 bytes, VAPID key 87 characters. */
function checkLimits({ token, description = '', vapid, sender }: RegisterOptions): void {
  const { tokenBytes, descriptionBytes, vapidChars } = unifiedPushLimits;
  const isTokenFine = token === undefined || (token !== '' && Buffer.byteLength(token) <= tokenBytes);
  if (!isTokenFine) throw invalid(`a token of 1 to ${tokenBytes} bytes`);
  if (Buffer.byteLength(description) > descriptionBytes)
    throw invalid(`a description of at most ${descriptionBytes} bytes`);
  if (vapid !== undefined && !(vapid.length === vapidChars && /^[\w-]+$/.test(vapid))) {
    throw invalid(`a VAPID key of ${vapidChars} base64url characters`);
  }
  if (sender !== undefined && !/^[0-9a-f]{40}$/i.test(sender)) {
    throw invalid('a sender fingerprint of 40 hexadecimal digits');
  }
}

function invalid(what: string): ConnectorError {
  return new ConnectorError('ERR_REGISTRATION_INVALID', `Register with ${what}.`);
}

function registrationTimeout(cause: unknown): ConnectorError {
  return new ConnectorError(
    'ERR_REGISTRATION_TIMEOUT',
    'The distributor gave no endpoint in time; register again later.',
    {
      cause,
      disposition: 'transient',
    },
  );
}

function busLost(): BusError {
  return new BusError('ERR_BUS_CLOSED', 'The connection to the session bus was lost; make another connector.', {
    disposition: 'transient',
  });
}
