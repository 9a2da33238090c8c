import { type Log, silentLog } from '../runtime.js';
import { parseAddress, sessionAddress, systemAddress } from './address.js';
import type { Bus, BusCall, BusInterface, NameOwnerChange, SignalPattern } from './bus.js';
import { type Connection, openConnection } from './connection.js';
import { BusCallError, BusError, errorNames } from './errors.js';
import type { Frame } from './frame-reader.js';
import { IncomingCalls } from './incoming-calls.js';
import { decodeHeader, encodeMessage, messageFlag, messageType, type OutgoingMessage } from './message.js';
import { isBusName, isInterfaceName, isMemberName, isObjectPath, isUniqueName } from './names.js';
import { ExportedObjects } from './objects.js';
import { closedError, PendingCalls } from './pending-calls.js';
import { busDaemon, ownerChanges, SignalWatches } from './signal-watches.js';

/** Options of {@link connectBus}. */
export interface ConnectBusOptions {
  /** D-Bus address. Default: that of `bus`. */
  readonly address?: string;
  /**
   * Which bus it is when no address is given. Default `session`: `DBUS_SESSION_BUS_ADDRESS`, else the socket `bus` in
   * `XDG_RUNTIME_DIR`. `system`: `DBUS_SYSTEM_BUS_ADDRESS`, else `/var/run/dbus/system_bus_socket`.
   */
  readonly bus?: 'session' | 'system';
  /** Aborting it ends the attempt; the bus that came of it is ended by {@link Bus.close} alone. */
  readonly signal?: AbortSignal;
  /** How long connecting may take. Default 10 000: a local socket answers at once or hangs. */
  readonly timeoutMs?: number;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

const defaultConnectTimeoutMs = 10_000;
const defaultCallTimeoutMs = 25_000;
const maxTimeoutMs = 2_147_483_647;

/**
 * Connects to the message bus and says hello.
 *
 * Rejects with {@link BusError} `ERR_BUS_ADDRESS`, `ERR_BUS_CONNECT`, `ERR_BUS_AUTH`, `ERR_BUS_CLOSED` or
 * `ERR_BUS_TIMEOUT`, and with the signal's reason when it is aborted.
 */
export async function connectBus(options: ConnectBusOptions = {}): Promise<Bus> {
  const { address, signal, timeoutMs = defaultConnectTimeoutMs, log = silentLog } = options;
  signal?.throwIfAborted();
  const standard = options.bus === 'system' ? systemAddress : sessionAddress;
  const addresses = address === undefined ? standard(process.env) : parseAddress(address, process.env);
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    const connection = await openConnection(addresses, either);
    return await ConnectedBus.start(connection, log, either);
  } catch (error) {
    if (deadline.aborted && !signal?.aborted) {
      throw new BusError('ERR_BUS_TIMEOUT', 'The D-Bus daemon did not answer in time; check that it is well.', {
        cause: error,
        disposition: 'transient',
      });
    }
    throw error;
  }
}

class ConnectedBus implements Bus {
  readonly closed: Promise<void>;
  readonly #connection: Connection;
  readonly #pending = new PendingCalls();
  readonly #objects = new ExportedObjects();
  readonly #incoming: IncomingCalls;
  readonly #log: Log;
  readonly #signals: SignalWatches;
  #serial = 0;
  #uniqueName = '';

  static async start(connection: Connection, log: Log, signal: AbortSignal): Promise<Bus> {
    const bus = new ConnectedBus(connection, log);
    try {
      const [name] = await bus.#callDaemon('Hello', '', [], 's', signal);
      bus.#uniqueName = String(name);
      return bus;
    } catch (error) {
      connection.end();
      throw error;
    }
  }

  private constructor(connection: Connection, log: Log) {
    this.#connection = connection;
    this.#log = log;
    this.#incoming = new IncomingCalls(this.#objects, log, (message) => this.#send(message));
    this.#signals = new SignalWatches(
      {
        addMatch: async (rule) => void (await this.#callDaemon('AddMatch', 's', [rule], '')),
        removeMatch: async (rule) => void (await this.#callDaemon('RemoveMatch', 's', [rule], '')),
        nameOwner: (name) => this.nameOwner(name),
      },
      log,
    );
    this.closed = connection.closed.then(() => this.#pending.close());
    connection.receive((frame) => this.#receive(frame));
  }

  get uniqueName(): string {
    return this.#uniqueName;
  }

  async requestName(name: string): Promise<void> {
    if (!isBusName(name) || isUniqueName(name)) {
      throw new BusError('ERR_BUS_ARGUMENT', 'Ask for a well-known bus name, such as org.example.App.');
    }
    const doNotQueue = 4;
    const [result] = await this.#callDaemon('RequestName', 'su', [name, doNotQueue], 'u');
    const isOurs = result === 1 || result === 4;
    if (isOurs) return;
    throw new BusError('ERR_BUS_NAME_TAKEN', `Another program owns the bus name ${name}; end it first.`, {
      disposition: 'action-required',
    });
  }

  async call(call: BusCall): Promise<readonly unknown[]> {
    const { destination, path, member, signature = '', args = [], autoStart = true, replyExpected = true } = call;
    if (!isBusName(destination) || !isObjectPath(path) || !isInterfaceName(call.interface) || !isMemberName(member)) {
      throw new BusError('ERR_BUS_ARGUMENT', 'Call a valid method name on a valid bus name and object path.');
    }
    const serial = this.#nextSerial();
    const bytes = encodeMessage({
      type: messageType.call,
      flags: (autoStart ? 0 : messageFlag.noAutoStart) | (replyExpected ? 0 : messageFlag.noReplyExpected),
      serial,
      destination,
      path,
      interface: call.interface,
      member,
      signature,
      body: args,
    });
    const pending = {
      destination,
      member: `${call.interface}.${member}`,
      replyExpected,
      timeoutMs: Math.min(call.timeoutMs ?? defaultCallTimeoutMs, maxTimeoutMs),
      replySignature: call.replySignature,
      signal: call.signal,
    };
    return await this.#pending.wait(serial, pending, () => {
      if (!this.#connection.send(bytes)) throw closedError();
    });
  }

  export(path: string, interfaces: readonly BusInterface[]): void {
    this.#objects.add(path, interfaces);
  }

  async nameOwner(name: string): Promise<string | undefined> {
    if (!isBusName(name)) return undefined;
    try {
      const [owner] = await this.#callDaemon('GetNameOwner', 's', [name], 's');
      return String(owner);
    } catch (error) {
      if (error instanceof BusCallError && error.errorName === errorNames.nameHasNoOwner) return undefined;
      throw error;
    }
  }

  async listNames(): Promise<readonly string[]> {
    const [names] = await this.#callDaemon('ListNames', '', [], 'as');
    return names as readonly string[];
  }

  async listActivatableNames(): Promise<readonly string[]> {
    const [names] = await this.#callDaemon('ListActivatableNames', '', [], 'as');
    return names as readonly string[];
  }

  async watchNameOwners(listener: (change: NameOwnerChange) => void, name?: string): Promise<() => void> {
    return await this.#signals.watch(ownerChanges(name), (args) => {
      const [changed, oldOwner, newOwner] = args as readonly [string, string, string];
      listener({ name: changed, oldOwner, newOwner });
    });
  }

  async watchSignal(pattern: SignalPattern, listener: (args: readonly unknown[]) => void): Promise<() => void> {
    return await this.#signals.watch(pattern, listener);
  }

  async close(): Promise<void> {
    this.#pending.close();
    // A handler that has just finished answers in the next microtasks: that reply still goes out.
    await new Promise((resolve) => setImmediate(resolve));
    this.#connection.end();
    await this.closed;
  }

  async #callDaemon(
    member: string,
    signature: string,
    args: readonly unknown[],
    replySignature: string,
    signal?: AbortSignal,
  ): Promise<readonly unknown[]> {
    return await this.call({ ...busDaemon, member, signature, args, replySignature, ...(signal && { signal }) });
  }

  #receive(frame: Frame): void {
    try {
      this.#dispatch(frame);
    } catch (error) {
      this.#log.warn({ err: error }, 'A D-Bus message could not be read and was ignored.');
    }
  }

  #dispatch({ header: bytes, body }: Frame): void {
    const header = decodeHeader(bytes);
    const endian = bytes[0] ?? 0;
    if (header.type === messageType.call) this.#incoming.receive(header, endian, body);
    else if (header.type === messageType.signal) this.#signals.receive(header, endian, body);
    else if (header.type === messageType.reply || header.type === messageType.error) {
      this.#pending.receive(header, endian, body);
    }
  }

  #send(message: Omit<OutgoingMessage, 'serial'>): void {
    this.#connection.send(encodeMessage({ ...message, serial: this.#nextSerial() }));
  }

  #nextSerial(): number {
    this.#serial = (this.#serial % 0xffffffff) + 1;
    return this.#serial;
  }
}
