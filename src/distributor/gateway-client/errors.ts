import { type Disposition, MailpushError, type MailpushErrorOptions } from '../../errors.js';

/** Codes of a {@link GatewayClientError}. */
export type GatewayClientErrorCode =
  /** There is no connection, or no answer in time. */
  | 'ERR_GATEWAY_UNREACHABLE'
  /** Its certificate is not trusted. */
  | 'ERR_GATEWAY_CERTIFICATE'
  /** What answers is no gateway: a redirect, too much, or something else than docs/gateway.md says. */
  | 'ERR_GATEWAY_ANSWER'
  /** It can do nothing at the moment: 429, 5xx. */
  | 'ERR_GATEWAY_BUSY'
  /** The grant is not good: 401. */
  | 'ERR_GATEWAY_GRANT'
  /** It does not do that: any other 4xx. */
  | 'ERR_GATEWAY_REFUSED';

/** Options of a {@link GatewayClientError}. */
export interface GatewayClientErrorOptions extends MailpushErrorOptions {
  /** Of the HTTP answer, if there was one. */
  readonly status?: number | undefined;
  /** The pause that it asks for, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

const dispositions: Readonly<Record<GatewayClientErrorCode, Disposition>> = {
  ERR_GATEWAY_UNREACHABLE: 'transient',
  ERR_GATEWAY_CERTIFICATE: 'action-required',
  ERR_GATEWAY_ANSWER: 'action-required',
  ERR_GATEWAY_BUSY: 'transient',
  ERR_GATEWAY_GRANT: 'rejected',
  ERR_GATEWAY_REFUSED: 'rejected',
};

/** Why a gateway did not do what it was asked. The message holds no endpoint, grant or address. */
export class GatewayClientError extends MailpushError {
  declare readonly code: GatewayClientErrorCode;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: GatewayClientErrorCode, message: string, options: GatewayClientErrorOptions = {}) {
    super(code, message, { disposition: dispositions[code], cause: options.cause });
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What `step` is told of one. */
export type Failure = Pick<GatewayClientError, 'code' | 'status' | 'retryAfterMs' | 'message'>;
