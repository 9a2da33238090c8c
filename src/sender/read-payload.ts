import { type InnerMediaType, isContentCoding, isInnerMediaType, limits } from '../notify-spec/index.js';
import { invalid, PushError } from './errors.js';
import type { PushOptions, PushTarget } from './push.js';
import { encryptPayload, webPushContentCoding } from './web-push-payload.js';

/** What goes into the mail. */
export interface MailPayload {
  readonly bytes: Uint8Array;
  readonly mediaType: InnerMediaType;
  readonly contentCoding?: string;
}

/**
 * The payload as it goes into the mail: text as UTF-8, and encrypted if the target has keys. Throws `ERR_PAYLOAD_EMPTY`,
 * `ERR_PAYLOAD_TOO_LARGE`, `ERR_ENDPOINT_INVALID` for keys that are none, or `ERR_OPTION_INVALID`.
 */
export function readPayload(payload: Uint8Array | string, target: PushTarget, options: PushOptions): MailPayload {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) {
    throw new PushError('ERR_PAYLOAD_EMPTY', 'A push needs a payload of at least one byte.');
  }
  const { contentType: mediaType = 'application/octet-stream', contentCoding } = options;
  if (!isInnerMediaType(mediaType)) throw invalid('The content type is that of a push or of a grant; leave it out.');
  const keys = typeof target === 'string' ? undefined : target.keys;
  if (keys !== undefined && keys !== null) {
    if (contentCoding !== undefined) {
      throw invalid('The keys of the subscription would encrypt this payload again; leave contentCoding or keys out.');
    }
    return { bytes: encryptPayload(bytes, keys), mediaType, contentCoding: webPushContentCoding };
  }
  if (contentCoding !== undefined && (typeof contentCoding !== 'string' || !isContentCoding(contentCoding))) {
    throw invalid(`The content coding is an HTTP token of at most ${limits.contentCodingChars} characters.`);
  }
  if (bytes.length > limits.payloadBytes) {
    throw new PushError('ERR_PAYLOAD_TOO_LARGE', `The payload is over ${limits.payloadBytes} bytes; send less of it.`);
  }
  // What the caller does with its buffer while the push waits must not change the push.
  const copy = new Uint8Array(bytes);
  return { bytes: copy, mediaType, ...(contentCoding === undefined ? {} : { contentCoding }) };
}
