import { type Disposition, MailpushError } from '../errors.js';

/**
 * Why a push was not sent:
 *
 * | Code | Disposition | When |
 * |---|---|---|
 * | `ERR_OPTION_INVALID` | rejected | an option of the sender or of one push is not valid |
 * | `ERR_ENDPOINT_INVALID` | rejected | the target is not a mail endpoint or a subscription with one; nothing was sent |
 * | `ERR_PAYLOAD_EMPTY` | rejected | there is no payload; nothing was sent |
 * | `ERR_PAYLOAD_TOO_LARGE` | rejected | over 4096 bytes, once encrypted where it is; nothing was sent |
 * | `ERR_KEY_INVALID` | action-required | the sender's private key cannot be read, is too weak, or is for another address |
 * | `ERR_KEY_LOCKED` | action-required | the sender's private key is protected by a passphrase |
 * | `ERR_KEY_UNUSABLE` | action-required | the sender's key or the channel's is expired or revoked |
 * | `ERR_ENDPOINT_GONE` | rejected | the SMTP server says that there is no such mailbox: forget this endpoint |
 * | `ERR_SMTP_REFUSED` | rejected | the SMTP server refused this mail for good |
 * | `ERR_SMTP_BUSY` | transient | the SMTP server refused it for now, until the deadline; or the domain pauses for longer |
 * | `ERR_SMTP_UNAVAILABLE` | transient | no connection, it was lost, or no answer, until the deadline; the push may have been sent |
 * | `ERR_PUSH_EXPIRED` | rejected | the TTL ended before the push could be sent; `cause` is its last failure, if there was one |
 * | `ERR_SMTP_LOGIN` | action-required | the SMTP server does not take the login, or did not a few seconds ago |
 * | `ERR_SMTP_TLS` | action-required | no TLS where it is needed, or a certificate that cannot be verified, now or a few seconds ago |
 * | `ERR_ABORTED` | transient | the signal was aborted; the push may have been sent |
 * | `ERR_SENDER_BUSY` | transient | too many pushes are waiting, or this one did not get its turn before the deadline |
 * | `ERR_SENDER_CLOSED` | rejected | the sender was closed before the call |
 */
export type PushErrorCode =
  | 'ERR_OPTION_INVALID'
  | 'ERR_ENDPOINT_INVALID'
  | 'ERR_PAYLOAD_EMPTY'
  | 'ERR_PAYLOAD_TOO_LARGE'
  | 'ERR_KEY_INVALID'
  | 'ERR_KEY_LOCKED'
  | 'ERR_KEY_UNUSABLE'
  | 'ERR_ENDPOINT_GONE'
  | 'ERR_SMTP_REFUSED'
  | 'ERR_SMTP_BUSY'
  | 'ERR_SMTP_UNAVAILABLE'
  | 'ERR_PUSH_EXPIRED'
  | 'ERR_SMTP_LOGIN'
  | 'ERR_SMTP_TLS'
  | 'ERR_ABORTED'
  | 'ERR_SENDER_BUSY'
  | 'ERR_SENDER_CLOSED';

/** Options of a {@link PushError}. */
export interface PushErrorOptions {
  /** Default `rejected`. */
  readonly disposition?: Disposition;
  readonly cause?: unknown;
  readonly endpoint?: string | undefined;
  readonly smtpResponse?: string | undefined;
}

/**
 * The one error of this folder. Its message holds neither the endpoint nor the payload; `endpoint` and `smtpResponse`
 * are there for code, and are not enumerable, so that logging the error does not give them away.
 */
export class PushError extends MailpushError {
  declare readonly code: PushErrorCode;
  /** The endpoint of the push, where there was one. */
  declare readonly endpoint: string | undefined;
  /** The last words of the SMTP server, such as `550 5.1.1 No such user`; they often name the address. */
  declare readonly smtpResponse: string | undefined;

  constructor(code: PushErrorCode, message: string, options: PushErrorOptions = {}) {
    super(code, message, options);
    Object.defineProperty(this, 'endpoint', { value: options.endpoint });
    Object.defineProperty(this, 'smtpResponse', { value: options.smtpResponse });
  }
}

/** The same error for one endpoint. A new one, as several pushes can fail of one cause. */
export function withEndpoint(error: PushError, endpoint: string): PushError {
  const { code, message, disposition, cause, smtpResponse } = error;
  return new PushError(code, message, { disposition, cause, endpoint, smtpResponse });
}

/** `ERR_OPTION_INVALID` with this sentence. */
export function invalid(message: string): PushError {
  return new PushError('ERR_OPTION_INVALID', message);
}
