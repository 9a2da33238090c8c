import type { Runtime } from '../runtime.js';
import type { SmtpOptions } from '../sender/index.js';
import type { LimitRates } from './limits.js';

/** How long the gateway waits, in milliseconds; other values are for tests. */
export interface GatewayTimes {
  /** For what is under way when it is told to end; more than `pushMs`. Default 30 000. */
  readonly endMs: number;
  /** For one push with all its tries: an app server waits about as long. Default 10 000. */
  readonly pushMs: number;
  /** For one command to Redis. Default 1000. */
  readonly redisMs: number;
  /** Nothing heard of the SMTP server for so long: `/health` asks it. Default 60 000. */
  readonly smtpQuietMs: number;
  /** The SMTP server is asked no oftener than this. Default 30 000. */
  readonly smtpAskMs: number;
  /** And its answer is waited for no longer than this. Default 10 000. */
  readonly smtpAnswerMs: number;
}

/** What a gateway needs. */
export interface GatewayOptions {
  /** Where it listens; port 0 is any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where distributors and app servers reach it: scheme, host and port, such as `https://push.example.org`. `http:` only to this machine. */
  readonly publicUrl: string;
  /** 32 bytes each; the first seals, all open. See `parseSecrets`. */
  readonly secrets: readonly Uint8Array[];
  readonly smtp: SmtpOptions;
  /** Address the mails come from; the key is for it. */
  readonly from: string;
  /** The gateway's OpenPGP key, armored, without a passphrase. */
  readonly key: string;
  /** `redis://`, `rediss://` or `unix://` with the path of a socket: shares limits and revocations among replicas. Default: in memory. */
  readonly redis?: { readonly url: string; readonly password?: string };
  /** Certificates and key in PEM, for TLS without a proxy in front. Default: none, plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Addresses and networks (CIDR) of proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  /** Connections to the SMTP server for pushes. 1 to 100, default 5. */
  readonly connections?: number;
  /** Told by `/health` and `/metrics`. */
  readonly version: string;
  /** Limits other than those of docs/gateway.md. */
  readonly rates?: Partial<LimitRates>;
  readonly times?: Partial<GatewayTimes>;
  readonly runtime: Runtime;
}
