import { PushError, type PushErrorCode } from '../sender/index.js';
import { GatewayError } from './gateway-error.js';

/**
 * When to come back after a push that was not sent, in seconds. Login, TLS and key are for the operator to mend.
 *
 * A refusal for good of this one mail (5xx without "no such mailbox") is among them on purpose: it is mostly about the
 * gateway, its reputation or a policy, or about a full mailbox. App servers forget an endpoint on any 4xx but 408 and 429, so
 * that one listing on a block list would end every subscription; on a 503 they drop the push or send it later.
 */
const retryAfterSeconds: Partial<Record<PushErrorCode, number>> = {
  ERR_SENDER_BUSY: 10,
  ERR_SENDER_CLOSED: 10,
  ERR_ABORTED: 30,
  ERR_SMTP_UNAVAILABLE: 30,
  ERR_PUSH_EXPIRED: 30,
  ERR_SMTP_BUSY: 120,
  ERR_SMTP_LOGIN: 300,
  ERR_SMTP_TLS: 300,
  ERR_KEY_INVALID: 300,
  ERR_KEY_LOCKED: 300,
  ERR_KEY_UNUSABLE: 300,
  ERR_SMTP_REFUSED: 3600,
};

/** What an app server is told of a push that was not sent; undefined for what only a fault of ours can bring about. */
export function explainPushFailure(error: unknown): GatewayError | undefined {
  if (!(error instanceof PushError)) return undefined;
  if (error.code === 'ERR_ENDPOINT_GONE') {
    const sentence = 'The mailbox of this endpoint does not exist any more; forget the endpoint.';
    return new GatewayError('ERR_GATEWAY_GONE', sentence, { cause: error });
  }
  const seconds = retryAfterSeconds[error.code];
  if (seconds === undefined) return undefined;
  const sentence = 'The push could not be sent; send it again after the time in Retry-After.';
  return new GatewayError('ERR_GATEWAY_UNAVAILABLE', sentence, { retryAfterSeconds: seconds, cause: error });
}
