import { PushError } from '../sender/index.js';
import { GatewayError } from './gateway-error.js';

/** What a grant mail that failed comes to. */
export interface GrantFailure {
  /** What the client is told; what nobody expected is passed on as it is. */
  readonly error: unknown;
  /** How it counts: as a mail that went out, because it may have, or as one of `GrantAllowance.giveBack`. */
  readonly counts: 'sent' | 'refused' | 'unsent';
}

const soonSeconds = 60;
const laterSeconds = 3600;

/** Judges why a grant could not be made or mailed. When it may have been mailed, it counts: nobody gets two for one. */
export function judgeGrantFailure(cause: unknown): GrantFailure {
  if (!(cause instanceof PushError)) return { error: cause, counts: 'unsent' };
  switch (cause.code) {
    case 'ERR_ENDPOINT_GONE':
      return {
        error: new GatewayError(
          'ERR_GATEWAY_GONE',
          'The mail server says that there is no such mailbox; check the address.',
          { cause },
        ),
        counts: 'refused',
      };
    case 'ERR_SMTP_REFUSED':
      return {
        error: unavailable('The mail server refused the mail with the grant; ask its operator.', laterSeconds, cause),
        counts: 'refused',
      };
    case 'ERR_ENDPOINT_INVALID':
    case 'ERR_KEY_UNUSABLE':
      return {
        error: new GatewayError(
          'ERR_GATEWAY_REQUEST',
          'Nothing can be encrypted for this endpoint; make a new channel.',
          { cause },
        ),
        counts: 'unsent',
      };
    case 'ERR_ABORTED':
    case 'ERR_PUSH_EXPIRED':
      return { error: unavailable(unsure, laterSeconds, cause), counts: 'sent' };
    case 'ERR_SMTP_UNAVAILABLE':
      return neverConnected(cause)
        ? { error: unavailable(down, soonSeconds, cause), counts: 'unsent' }
        : { error: unavailable(unsure, laterSeconds, cause), counts: 'sent' };
    case 'ERR_SMTP_BUSY':
    case 'ERR_SMTP_LOGIN':
    case 'ERR_SMTP_TLS':
    case 'ERR_KEY_INVALID':
    case 'ERR_KEY_LOCKED':
    case 'ERR_OPTION_INVALID':
    case 'ERR_PAYLOAD_EMPTY':
    case 'ERR_PAYLOAD_TOO_LARGE':
    case 'ERR_SENDER_BUSY':
    case 'ERR_SENDER_CLOSED':
      return { error: unavailable(down, soonSeconds, cause), counts: 'unsent' };
  }
}

const down = 'The grant cannot be mailed now; try again when Retry-After is over.';
const unsure =
  'The mail with the grant may not have gone out; if it does not arrive, ask again when Retry-After is over.';

function unavailable(message: string, retryAfterSeconds: number, cause: unknown): GatewayError {
  return new GatewayError('ERR_GATEWAY_UNAVAILABLE', message, { retryAfterSeconds, cause });
}

/** Whether it failed before there was a connection, by what the system says; nodemailer tells no more of one that was lost. */
function neverConnected({ cause }: PushError): boolean {
  const { syscall } = (typeof cause === 'object' && cause !== null ? cause : {}) as { syscall?: unknown };
  return syscall === 'connect' || syscall === 'getaddrinfo';
}
