import { limits } from '../notify-spec/index.js';
import { PushError } from './errors.js';
import type { PushTarget } from './push.js';
import { encryptPayload, webPushContentCoding } from './web-push-payload.js';

/** What goes into the mail. */
export interface MailPayload {
  readonly bytes: Uint8Array;
  readonly contentCoding?: string;
}

/**
 * The payload as it goes into the mail: text as UTF-8, and encrypted if the target has keys. Throws `ERR_PAYLOAD_EMPTY`,
 * `ERR_PAYLOAD_TOO_LARGE`, or `ERR_ENDPOINT_INVALID` for keys that are none.
 */
export function readPayload(payload: Uint8Array | string, target: PushTarget): MailPayload {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) {
    throw new PushError('ERR_PAYLOAD_EMPTY', 'A push needs a payload of at least one byte.');
  }
  const keys = typeof target === 'string' ? undefined : target.keys;
  if (keys !== undefined && keys !== null) {
    return { bytes: encryptPayload(bytes, keys), contentCoding: webPushContentCoding };
  }
  if (bytes.length > limits.payloadBytes) {
    throw new PushError('ERR_PAYLOAD_TOO_LARGE', `The payload is over ${limits.payloadBytes} bytes; send less of it.`);
  }
  // What the caller does with its buffer while the push waits must not change the push.
  return { bytes: new Uint8Array(bytes) };
}
