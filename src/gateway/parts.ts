import type { MailEndpoint } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Sender } from '../sender/index.js';

/** Everything that the routes of a gateway are made of. */
export interface GatewayParts {
  readonly sealer: Sealer;
  /** Sends pushes. */
  readonly sender: Sender;
  /** Sends the mails with grants, which carry the key of the gateway. */
  readonly grantSender: Sender;
  readonly limits: Limits;
  readonly revocations: Revocations;
  readonly metrics: GatewayMetrics;
  readonly health: GatewayHealth;
  /** Where this gateway is reached, without a slash at the end, such as `https://push.example.org`. */
  readonly publicUrl: string;
  /** Fingerprint of its key, which distributors pin. */
  readonly fingerprint: string;
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

/** What names an endpoint for limits and revocations, however often it is sealed. */
export type EndpointName = Pick<MailEndpoint, 'address' | 'channel'>;

/** What is over a limit, and for how long. */
export interface Refusal {
  readonly retryAfterSeconds: number;
}

/** A grant mail that may go out now; it counts as sent. */
export interface GrantAllowance {
  /**
   * Says what became of it, if it was not sent: with `unsent` it was nobody's fault but the mail server's or ours, and counts for
   * nobody; with `refused` the mail server refused it for good, and it counts for whoever asked but not for the mailbox.
   */
  readonly giveBack: (why: 'unsent' | 'refused') => Promise<void>;
}

/** Counts what is asked for. What is refused is not counted. Never rejects because of Redis. */
export interface Limits {
  /** One push to an endpoint; resolves to undefined when it may be. */
  readonly push: (endpoint: EndpointName) => Promise<Refusal | undefined>;
  /** One mail with a grant to `address`, asked for from the IP address `client`. */
  readonly grant: (of: { readonly address: string; readonly client: string }) => Promise<GrantAllowance | Refusal>;
  /** One seal for a mailbox. */
  readonly seal: (address: string) => Promise<Refusal | undefined>;
  /** Whether a client has made too many requests to `/v1` that were not valid. */
  readonly faults: (client: string) => Promise<Refusal | undefined>;
  /** Counts one such request. */
  readonly fault: (client: string) => Promise<void>;
}

/** Endpoints that are no more, though their seals have not expired. Times are in seconds since 1970. */
export interface Revocations {
  /** One seal, until it expires by itself. Rejects with a GatewayError `ERR_GATEWAY_UNAVAILABLE` when it cannot be noted for all replicas. */
  readonly revokeSeal: (id: string, until: number) => Promise<void>;
  /** All seals of an endpoint that expire by then, and none that is made later; rejects in the same way. */
  readonly revokeEndpoint: (endpoint: EndpointName, until: number) => Promise<void>;
  /** Never rejects: what cannot be asked counts as not revoked. */
  readonly isRevoked: (seal: Pick<SealedEndpoint, 'id' | 'endpoint' | 'expires'>) => Promise<boolean>;
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

/** One mail that was given to the SMTP server, or tried to be. */
export interface MailFacts {
  readonly kind: 'push' | 'grant';
  /** `sent`, or the code of the error, such as `ERR_SMTP_BUSY`. */
  readonly outcome: string;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** Counts what happens, for Prometheus. Labels come out of short lists only. */
export interface GatewayMetrics {
  readonly request: (facts: RequestFacts) => void;
  readonly mail: (facts: MailFacts) => void;
  /** A request that was over a limit, by the name of the limit. */
  readonly limited: (limit: string) => void;
  readonly sealed: () => void;
  readonly revoked: () => void;
  /** All of it in the text format of Prometheus, and the media type of that. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

/** How a server behind the gateway is, and since when, in seconds since 1970. */
export interface ServerHealth {
  readonly state: 'ok' | 'failing' | 'unknown';
  readonly since: number;
}

/** What `/health` tells. `degraded`: pushes are taken, but limits and revocations are not shared; `failing`: none are. */
export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly smtp: ServerHealth;
  /** Only where Redis is configured. */
  readonly redis?: ServerHealth;
  readonly version: string;
}

/** Knows how the gateway is. */
export interface GatewayHealth {
  /** How it is now. Asks the SMTP server if nothing has been heard of it lately; bounded in time, never rejects. */
  readonly check: () => Promise<HealthReport>;
}
