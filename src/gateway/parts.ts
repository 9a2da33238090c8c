import type { MailEndpoint } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Sender } from '../sender/index.js';

/** Everything that the routes of a gateway are made of. */
export interface GatewayParts {
  readonly sealer: Sealer;
  readonly sender: Sender;
  readonly limits: Limits;
  readonly revocations: Revocations;
  readonly metrics: GatewayMetrics;
  readonly health: GatewayHealth;
  /** Where this gateway is reached, without a slash at the end, such as `https://push.example.org`. */
  readonly publicUrl: string;
  readonly runtime: Runtime;
}

/** What a seal holds. */
export interface SealedEndpoint {
  readonly endpoint: MailEndpoint;
  /** Public key of the app server (RFC 8292 §3.2), 87 characters, if the app named one. */
  readonly vapid: string | undefined;
  /** When the seal ends, in seconds since 1970. Up to the caller to judge. */
  readonly expires: number;
  /** A hash that names this seal for limits and revocations, and tells nothing of what is in it. */
  readonly id: string;
}

/** Seals and opens. */
export interface Sealer {
  /** Rejects with a GatewayError `ERR_GATEWAY_UNSEALABLE` or `ERR_GATEWAY_REQUEST`. */
  readonly sealEndpoint: (
    endpoint: MailEndpoint,
    vapid: string | undefined,
  ) => Promise<{ readonly url: string; readonly expires: number }>;
  /** Opens the part of a URL after `/p/`; undefined for what this gateway did not seal. */
  readonly openEndpoint: (sealed: string) => SealedEndpoint | undefined;
  readonly sealGrant: (address: string) => { readonly grant: string; readonly expires: number };
  readonly openGrant: (token: string) => { readonly address: string; readonly expires: number } | undefined;
}

/** What is over a limit, and for how long. */
export interface Refusal {
  readonly retryAfterSeconds: number;
}

/** Counts what is asked for. Each resolves to a refusal, or to undefined when it may be. */
export interface Limits {
  /** One push to an endpoint, by the id of its seal. */
  readonly push: (sealId: string) => Promise<Refusal | undefined>;
  /** One mail with a grant. */
  readonly grant: (of: {
    readonly mailbox: string;
    readonly domain: string;
    readonly client: string;
  }) => Promise<Refusal | undefined>;
  /** One seal for a mailbox. */
  readonly seal: (mailbox: string) => Promise<Refusal | undefined>;
}

/** Endpoints that are no more, though their seals have not expired. Times are in seconds since 1970. */
export interface Revocations {
  readonly revokeSeal: (id: string, until: number) => Promise<void>;
  readonly revokeChannel: (channel: string, until: number) => Promise<void>;
  readonly isRevoked: (of: { readonly id: string; readonly channel: string }) => Promise<boolean>;
}

/** One answered request: nothing that tells who asked or for whom. */
export interface RequestFacts {
  readonly method: string;
  /** The pattern of the route, such as `/p/:sealed`; `none` where there is no such path. */
  readonly route: string;
  readonly status: number;
  /** Milliseconds from the header of the request to the end of the answer. */
  readonly ms: number;
}

/** Counts what happens. */
export interface GatewayMetrics {
  readonly request: (facts: RequestFacts) => void;
}

/** What `/health` tells. */
export type GatewayHealth = unknown;
