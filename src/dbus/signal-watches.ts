import type { Log } from '../runtime.js';
import type { SignalPattern } from './bus.js';
import { BusError } from './errors.js';
import { decodeBody, type MessageHeader } from './message.js';
import { isBusName, isInterfaceName, isMemberName, isObjectPath, isUniqueName } from './names.js';
import { parseTypes } from './values.js';

/** The bus itself. */
export const busDaemon = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/** What watching needs of the bus: its methods `AddMatch`, `RemoveMatch` and `GetNameOwner`. */
export interface WatchingBus {
  addMatch(rule: string): Promise<void>;
  removeMatch(rule: string): Promise<void>;
  nameOwner(name: string): Promise<string | undefined>;
}

/** A body over this is passed over: signals that are watched hold a few properties. */
const maxSignalBytes = 65_536;
/** A watch stands for a place in the program, so that more than this is a leak. */
const maxWatches = 256;

interface Watch {
  readonly pattern: SignalPattern;
  readonly listener: (args: readonly unknown[]) => void;
  /** Who has the name now: the bus puts the unique name of the sender on every signal. */
  owner: string | undefined;
}

/** The signals that are listened to: which rules the bus has been given, and whether what came is what was asked for. */
export class SignalWatches {
  readonly #watches = new Set<Watch>();
  readonly #bus: WatchingBus;
  readonly #log: Log;

  constructor(bus: WatchingBus, log: Log) {
    this.#bus = bus;
    this.#log = log;
  }

  /** See {@link Bus.watchSignal}. */
  async watch(pattern: SignalPattern, listener: (args: readonly unknown[]) => void): Promise<() => void> {
    checkPattern(pattern);
    if (this.#watches.size >= maxWatches) throw busyError();
    const { sender } = pattern;
    const isFixed = sender === busDaemon.destination || isUniqueName(sender);
    const watch: Watch = { pattern, listener: (args) => listener(args), owner: isFixed ? sender : undefined };
    const unfollow = isFixed ? () => {} : await this.#follow(watch);
    const rule = matchRule(pattern);
    // What the bus sends right behind its reply is heard too.
    this.#watches.add(watch);
    try {
      // The bus counts equal rules, and sends a signal once however many of them it fits.
      await this.#bus.addMatch(rule);
    } catch (error) {
      this.#watches.delete(watch);
      unfollow();
      throw error;
    }
    return () => {
      if (!this.#watches.delete(watch)) return;
      unfollow();
      this.#bus.removeMatch(rule).catch(() => {});
    };
  }

  /** Takes a signal in; what nobody watches, or comes from another than was asked for, is passed over. Never throws. */
  receive(header: MessageHeader, endian: number, body: Buffer | undefined): void {
    const fitting = [...this.#watches].filter((watch) => fits(watch, header));
    if (fitting.length === 0 || body === undefined || body.length > maxSignalBytes) return;
    let args: readonly unknown[];
    try {
      args = decodeBody(endian, header.signature, body);
    } catch (err) {
      this.#log.debug({ err, member: header.member }, 'A D-Bus signal could not be read and was ignored.');
      return;
    }
    for (const { pattern, listener } of fitting) {
      if (pattern.firstArgument !== undefined && args[0] !== pattern.firstArgument) continue;
      try {
        listener(args);
      } catch (err) {
        this.#log.error({ err, member: header.member }, 'A watcher of D-Bus signals failed.');
      }
    }
  }

  /** Keeps the owner of the name up to date. The bus tells of a new owner before it passes on what that one sends. */
  async #follow(watch: Watch): Promise<() => void> {
    const { sender } = watch.pattern;
    let isTold = false;
    const unwatch = await this.watch(ownerChanges(sender), ([, , newOwner]) => {
      isTold = true;
      watch.owner = newOwner === '' ? undefined : String(newOwner);
    });
    try {
      const owner = await this.#bus.nameOwner(sender);
      if (!isTold) watch.owner = owner;
      return unwatch;
    } catch (error) {
      unwatch();
      throw error;
    }
  }
}

/** The signal that a name has got another owner (D-Bus specification, NameOwnerChanged); of every name when none is given. */
export function ownerChanges(name?: string): SignalPattern {
  const pattern = {
    sender: busDaemon.destination,
    path: busDaemon.path,
    interface: busDaemon.interface,
    member: 'NameOwnerChanged',
    signature: 'sss',
  };
  return name === undefined ? pattern : { ...pattern, firstArgument: name };
}

function fits({ pattern, owner }: Watch, header: MessageHeader): boolean {
  return (
    owner !== undefined &&
    header.sender === owner &&
    header.path === pattern.path &&
    header.interface === pattern.interface &&
    header.member === pattern.member &&
    header.signature === pattern.signature
  );
}

function checkPattern(pattern: SignalPattern): void {
  const valid =
    isBusName(pattern.sender) &&
    isObjectPath(pattern.path) &&
    isInterfaceName(pattern.interface) &&
    isMemberName(pattern.member) &&
    !pattern.firstArgument?.includes('\0');
  if (!valid) {
    throw new BusError('ERR_BUS_ARGUMENT', 'Watch a valid signal name of a valid bus name and object path.');
  }
  parseTypes(pattern.signature);
}

/** The match rule in the bus's own form (D-Bus specification, Match Rules). */
function matchRule({ sender, path, interface: interfaceName, member, firstArgument }: SignalPattern): string {
  const keys = { type: 'signal', sender, path, interface: interfaceName, member, arg0: firstArgument };
  const set = Object.entries(keys).filter(([, value]) => value !== undefined);
  // Inside quotes nothing has a meaning but the closing quote.
  return set.map(([key, value]) => `${key}='${value?.replaceAll("'", "'\\''")}'`).join(',');
}

function busyError(): BusError {
  return new BusError('ERR_BUS_BUSY', `End some of the ${maxWatches} watches of D-Bus signals before more are begun.`, {
    disposition: 'transient',
  });
}
