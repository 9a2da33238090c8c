/** A method call that came in. */
export interface MethodCall {
  /** Unique name of the caller, put there by the bus. */
  readonly sender: string;
  readonly member: string;
  /** As many values as `in` of the method has types, each of its type. */
  readonly args: readonly unknown[];
}

/**
 * A method of an exported interface. Values stand for D-Bus types, both ways:
 *
 * | D-Bus | here |
 * |---|---|
 * | `y n q i u d` | number |
 * | `x t` | bigint |
 * | `b` | boolean |
 * | `s o g` | string |
 * | `ay` | Uint8Array |
 * | `a…` | array |
 * | `a{s…}` | Record without prototype |
 * | `(…)` | array |
 * | `v` | {@link Variant} |
 */
export interface BusMethod {
  /** Signature of the arguments; a call with another one is answered with `InvalidArgs`. */
  readonly in: string;
  /** Signature of the result. */
  readonly out: string;
  /** Gives the result's values. What it throws becomes an error reply, see {@link BusError}. */
  readonly handle: (call: MethodCall) => Promise<readonly unknown[]> | readonly unknown[];
}

/** An interface of an exported object. */
export interface BusInterface {
  readonly name: string;
  readonly methods: Readonly<Record<string, BusMethod>>;
  /** The `<interface>` element for introspection. */
  readonly xml: string;
}

/** A call to be made. */
export interface BusCall {
  /** Well-known or unique name of the called program. */
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Signature of `args`. Default: none. */
  readonly signature?: string;
  readonly args?: readonly unknown[];
  /** When given, a reply with another signature is an error (`ERR_BUS_REPLY`), so that its values may be relied on. */
  readonly replySignature?: string;
  /** How long to wait for the reply. Default 25 000, as libdbus and Qt do. */
  readonly timeoutMs?: number;
  /** Whether the bus may start the program. Default true. */
  readonly autoStart?: boolean;
  /**
   * Default true. Otherwise the program is told that nobody waits for its reply, and the call resolves without values when
   * no error has come in `timeoutMs`.
   */
  readonly replyExpected?: boolean;
  readonly signal?: AbortSignal;
}

/** Which signal is watched. */
export interface SignalPattern {
  /** Well-known or unique name of who sends it; under a well-known one only who owns it at that time is listened to. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Signature of the arguments; a signal with another one is passed over, so that its values may be relied on. */
  readonly signature: string;
  /** When given, the first argument must be this text. */
  readonly firstArgument?: string;
}

/** A name got another owner; an empty string is nobody. */
export interface NameOwnerChange {
  readonly name: string;
  readonly oldOwner: string;
  readonly newOwner: string;
}

/** One connection to a message bus. */
export interface Bus {
  /** The name that the bus gave this connection, such as `:1.42`. */
  readonly uniqueName: string;
  /** Resolves when the connection ends, for whatever reason; never rejects. */
  readonly closed: Promise<void>;
  /** Takes a well-known name at once or not at all. Rejects with `ERR_BUS_NAME_TAKEN` when somebody else has it. */
  requestName(name: string): Promise<void>;
  /**
   * Calls a method and gives the reply's values. Rejects with {@link BusCallError} when the other side answers with an error,
   * and with {@link BusError} `ERR_BUS_TIMEOUT`, `ERR_BUS_CLOSED`, `ERR_BUS_ARGUMENT`, `ERR_BUS_REPLY` (another signature, or
   * more than 1 MiB), `ERR_BUS_BUSY` (more than 4096 calls under way) or `ERR_BUS_UNANSWERED` (this program has left 16 calls
   * unanswered, and does so still); with the signal's reason when it is aborted.
   */
  call(call: BusCall): Promise<readonly unknown[]>;
  /**
   * Makes an object with these interfaces visible, in addition to those it has. Introspectable, Peer and Properties are
   * answered too, on the path and on its parents. Throws `ERR_BUS_ARGUMENT` when a name or signature is malformed.
   */
  export(path: string, interfaces: readonly BusInterface[]): void;
  /** Unique name of who has `name` now; undefined when nobody has. */
  nameOwner(name: string): Promise<string | undefined>;
  /** Every name that is on the bus, unique ones included. */
  listNames(): Promise<readonly string[]>;
  /** Every name that the bus can start. */
  listActivatableNames(): Promise<readonly string[]>;
  /**
   * Calls `listener` for every change from now on, connections coming and going included; the result ends that. With
   * `name` only for the changes of that name.
   */
  watchNameOwners(listener: (change: NameOwnerChange) => void, name?: string): Promise<() => void>;
  /**
   * Calls `listener` with the arguments of every such signal from now on; the result ends that. What others than the
   * sender send in its form is ignored, and what has over 64 KiB. Nothing is started for it. Rejects with {@link BusError}
   * `ERR_BUS_ARGUMENT`, `ERR_BUS_BUSY` (more than 256 watches) and as a call does.
   */
  watchSignal(pattern: SignalPattern, listener: (args: readonly unknown[]) => void): Promise<() => void>;
  /** Ends the connection; calls under way reject with `ERR_BUS_CLOSED`. Resolves when it is closed. May be called again. */
  close(): Promise<void>;
}
