import { STATUS_CODES } from 'node:http';
import { MailpushError } from '../errors.js';

/**
 * Why a request was not served:
 *
 * | Code | Status | `errno` | When |
 * |---|---|---|---|
 * | `ERR_GATEWAY_SEAL_UNKNOWN` | 404 | 102 | the seal is none of this gateway's |
 * | `ERR_GATEWAY_SEAL_EXPIRED` | 410 | 103 | the seal has expired |
 * | `ERR_GATEWAY_TOO_LARGE` | 413 | 104 | the body is too large |
 * | `ERR_GATEWAY_GONE` | 410 | 106 | the endpoint was revoked, or its mailbox does not exist any more |
 * | `ERR_GATEWAY_UNAUTHORIZED` | 401 | 109 | VAPID or a grant is missing, or the grant is not valid |
 * | `ERR_GATEWAY_FORBIDDEN` | 403 | 109 | VAPID is wrong, or the grant is for another address |
 * | `ERR_GATEWAY_CODING` | 400 | 110 | the content coding or its headers are not valid; an empty body |
 * | `ERR_GATEWAY_TTL_MISSING` | 400 | 111 | there is no TTL |
 * | `ERR_GATEWAY_TTL` | 400 | 112 | the TTL is not one whole number |
 * | `ERR_GATEWAY_TOPIC` | 400 | 113 | the topic is not valid |
 * | `ERR_GATEWAY_URGENCY` | 400 | 114 | the urgency is not valid |
 * | `ERR_GATEWAY_REQUEST` | 400 | 115 | anything else about the request is not valid |
 * | `ERR_GATEWAY_TIMEOUT` | 408 | 115 | the request took too long to arrive |
 * | `ERR_GATEWAY_HEADER_TOO_LARGE` | 431 | 115 | its header is too large |
 * | `ERR_GATEWAY_EXPECTATION` | 417 | 115 | it expects something other than `100-continue` |
 * | `ERR_GATEWAY_UNSEALABLE` | 422 | 116 | the endpoint cannot be sealed |
 * | `ERR_GATEWAY_TOO_MANY` | 429 | 201 | too many requests |
 * | `ERR_GATEWAY_UNAVAILABLE` | 503 | 202 | nothing can be sent now; nothing was accepted |
 * | `ERR_GATEWAY_PATH` | 404 | 404 | there is no such path |
 * | `ERR_GATEWAY_METHOD` | 405 | 405 | the method is not one of this path |
 * | `ERR_GATEWAY_FAULT` | 500 | 999 | a fault of the gateway |
 */
export type GatewayErrorCode = keyof typeof answers;

const answers = {
  ERR_GATEWAY_SEAL_UNKNOWN: { status: 404, errno: 102 },
  ERR_GATEWAY_SEAL_EXPIRED: { status: 410, errno: 103 },
  ERR_GATEWAY_TOO_LARGE: { status: 413, errno: 104 },
  ERR_GATEWAY_GONE: { status: 410, errno: 106 },
  ERR_GATEWAY_UNAUTHORIZED: { status: 401, errno: 109 },
  ERR_GATEWAY_FORBIDDEN: { status: 403, errno: 109 },
  ERR_GATEWAY_CODING: { status: 400, errno: 110 },
  ERR_GATEWAY_TTL_MISSING: { status: 400, errno: 111 },
  ERR_GATEWAY_TTL: { status: 400, errno: 112 },
  ERR_GATEWAY_TOPIC: { status: 400, errno: 113 },
  ERR_GATEWAY_URGENCY: { status: 400, errno: 114 },
  ERR_GATEWAY_REQUEST: { status: 400, errno: 115 },
  ERR_GATEWAY_TIMEOUT: { status: 408, errno: 115 },
  ERR_GATEWAY_HEADER_TOO_LARGE: { status: 431, errno: 115 },
  ERR_GATEWAY_EXPECTATION: { status: 417, errno: 115 },
  ERR_GATEWAY_UNSEALABLE: { status: 422, errno: 116 },
  ERR_GATEWAY_TOO_MANY: { status: 429, errno: 201 },
  ERR_GATEWAY_UNAVAILABLE: { status: 503, errno: 202 },
  ERR_GATEWAY_PATH: { status: 404, errno: 404 },
  ERR_GATEWAY_METHOD: { status: 405, errno: 405 },
  ERR_GATEWAY_FAULT: { status: 500, errno: 999 },
} as const;

/** What a client may try again as it is, later. */
const transient: ReadonlySet<number> = new Set([408, 429, 500, 503]);

/** Options of a {@link GatewayError}. */
export interface GatewayErrorOptions {
  /** Told in `Retry-After`, rounded up to whole seconds, at least 1. Goes with 429 and 503. */
  readonly retryAfterSeconds?: number;
  /** Further headers of the answer, such as `WWW-Authenticate` or `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The JSON body of every answer that is an error (docs/gateway.md). */
export interface ErrorBody {
  /** The status. */
  readonly code: number;
  readonly errno: number;
  /** The status in words (RFC 9110 §15). */
  readonly error: string;
  /** What to do next, in one sentence. */
  readonly message: string;
}

/** The one error of this folder. Its message goes to the client, so it holds nothing of a seal, a grant or an address. */
export class GatewayError extends MailpushError {
  declare readonly code: GatewayErrorCode;
  readonly status: number;
  readonly errno: number;
  readonly retryAfterSeconds: number | undefined;
  /** Headers of the answer, `Retry-After` among them. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions = {}) {
    const { status, errno } = answers[code];
    super(code, message, { disposition: transient.has(status) ? 'transient' : 'rejected', cause: options.cause });
    this.status = status;
    this.errno = errno;
    const { retryAfterSeconds } = options;
    this.retryAfterSeconds = retryAfterSeconds === undefined ? undefined : Math.max(1, Math.ceil(retryAfterSeconds));
    const retryAfter = this.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(this.retryAfterSeconds) };
    this.headers = { ...retryAfter, ...options.headers };
  }

  /** The body of the answer. */
  get body(): ErrorBody {
    const { status, errno, message } = this;
    return { code: status, errno, error: STATUS_CODES[status] ?? 'Error', message };
  }
}
