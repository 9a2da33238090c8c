import type { PushMessage, Registration } from './connector.js';
import type { ProtocolVersion } from './distributor-client.js';
import { connectorClosed } from './errors.js';
import type { Inbox } from './inbox.js';
import { LatestValue } from './latest-value.js';

/** Where a registration was made, and how it is ended. */
export interface RegistrationPlace {
  readonly distributor: string;
  readonly version: ProtocolVersion;
}

/** A registration as the connector sees it; apps see a {@link Registration}. */
export class ActiveRegistration implements Registration {
  readonly token: string;
  readonly inbox: Inbox;
  /** Set once a distributor has said yes. */
  place: RegistrationPlace | undefined;
  readonly #endpoint = new LatestValue<string>();
  readonly #unregister: (registration: ActiveRegistration) => Promise<void>;

  constructor(token: string, inbox: Inbox, unregister: (registration: ActiveRegistration) => Promise<void>) {
    this.token = token;
    this.inbox = inbox;
    this.#unregister = unregister;
  }

  get endpoint(): string {
    return this.#endpoint.current ?? '';
  }

  /** The distributor told a new endpoint. */
  setEndpoint(endpoint: string): void {
    this.#endpoint.set(endpoint);
  }

  /** Resolves when there is an endpoint. Rejects with `ERR_CONNECTOR_CLOSED` when there will be none. */
  async endpointKnown(signal: AbortSignal): Promise<void> {
    const { done } = await this.#endpoint.changes(signal).next();
    if (done) throw connectorClosed();
  }

  endpoints(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<string> {
    return this.#endpoint.changes(options.signal);
  }

  async *messages(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<PushMessage, void, void> {
    for (;;) {
      const held = await this.inbox.take(options.signal);
      if (held === undefined) return;
      try {
        yield { id: held.id, data: held.data, accept: () => this.inbox.accept(held) };
        // Here the loop came back for the next message.
        this.inbox.accept(held);
      } finally {
        this.inbox.putBack(held);
      }
    }
  }

  async unregister(): Promise<void> {
    await this.#unregister(this);
  }

  /** The distributor ended the registration: what came before is still given out. */
  finish(): void {
    this.#endpoint.end();
    this.inbox.drain();
  }

  /** The app ended it, or the bus was lost (`failure`): nothing more is given out. */
  end(failure?: unknown): void {
    this.#endpoint.end(failure);
    this.inbox.end(failure);
  }
}
