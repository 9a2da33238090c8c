/** Options of {@link createConnector}. */
export interface ConnectorOptions {
  /**
   * Well-known bus name of the app, such as `org.example.App`; with a D-Bus service file of that name the bus starts the app
   * for a message. Default: the connection's unique name, which ends with the connection.
   */
  readonly service?: string;
  /**
   * Bus name of the distributor to use. Default: mailpush if it is there, else the first by name of those that run, else the
   * first of those that the bus can start.
   */
  readonly distributor?: string;
  /** D-Bus address. Default: the session bus. */
  readonly busAddress?: string;
  /** How long a message may wait for its acceptance, in milliseconds. Default 25 000: distributors wait for 30 s. */
  readonly acceptWithinMs?: number;
  /** Aborting it ends the attempt to connect; the connector that came of it is ended by `close` alone. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Connector.register}. */
export interface RegisterOptions {
  /** Names the registration; give the same one at every start of the app. Default: a new random UUID. */
  readonly token?: string;
  /** Shown to the user, at most 100 bytes. Default: none. */
  readonly description?: string;
  /** The app server's VAPID public key, 87 base64url characters (RFC 8292). Version 1 has no place for it. */
  readonly vapid?: string;
  /** Fingerprint of the only app server that may push, 40 hexadecimal digits; only mailpush, over version 2, knows it. */
  readonly sender?: string;
  /** How long to wait for the reply and the endpoint, in milliseconds. Default 60 000: a gateway may have to be asked. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** An app's connection to a UnifiedPush distributor. */
export interface Connector {
  /** The bus name that distributors know the app by. */
  readonly service: string;
  /** Bus names of the distributors that run or can be started, sorted. */
  distributors(): Promise<readonly string[]>;
  /**
   * Registers for messages and resolves when there is an endpoint. A token that is registered with this connector already is
   * registered again, as at a start, and gives the same object.
   *
   * Rejects with {@link ConnectorError}, with `ERR_BUS_…` of the bus, and with the signal's reason when it is aborted.
   */
  register(options?: RegisterOptions): Promise<Registration>;
  /** Ends iterations and the connection; the registrations stay with the distributor. May be called again. */
  close(): Promise<void>;
}

/** One registration: its endpoint and its messages. */
export interface Registration {
  readonly token: string;
  /** The latest endpoint; this is what the app server gets. */
  readonly endpoint: string;
  /** The latest endpoint and then each new one; what is overtaken by a newer one before it is asked for is left out. */
  endpoints(options?: { readonly signal?: AbortSignal }): AsyncIterable<string>;
  /**
   * The messages, in the order in which they come. The distributor keeps a message until the loop comes back for the next
   * one, so nothing is lost when the app dies, but the last message may come twice: compare `id`.
   *
   * A loop that is left (`break`, or an error) does not accept its last message; {@link PushMessage.accept} does. A message
   * that nobody accepts in time is refused, and the distributor tries again later.
   *
   * Ends when the registration does, and throws `ERR_BUS_CLOSED` when the bus is lost, or the signal's reason.
   */
  messages(options?: { readonly signal?: AbortSignal }): AsyncIterable<PushMessage>;
  /** Ends the registration with the distributor: the endpoint becomes useless. */
  unregister(): Promise<void>;
}

/** A push message. */
export interface PushMessage {
  /** Chosen by whoever pushed, the same when a message comes twice; empty when the distributor gives none. */
  readonly id: string;
  /** What the app server pushed, 1 to 4096 bytes. */
  readonly data: Uint8Array;
  /** Accepts the message at once, for a loop that is about to be left. */
  accept(): void;
}
