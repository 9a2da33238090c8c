import { requireAddress } from './address.js';
import { NotifyError } from './errors.js';
import { type InnerEntity, type InnerMediaType, isInnerMediaType } from './inner-entity.js';
import { limits } from './limits.js';
import { formatMailDate } from './mail-date.js';
import { requireMessageId } from './message-id.js';
import { formatPushHeader } from './push-header.js';

/** What {@link composeInner} takes; the media type is `application/octet-stream` unless it is given. */
export type InnerParts = Omit<InnerEntity, 'mediaType'> & { readonly mediaType?: InnerMediaType };

/**
 * Writes the inner entity: its header in CRLF lines, an empty line, the payload as it is. Equal entities give equal bytes.
 * The lines are not folded, as no mail server ever sees them.
 *
 * @throws NotifyError `ERR_NOTIFY_PAYLOAD_SIZE` for a payload of 0 or over 4096 bytes; `ERR_ADDRESS_INVALID`,
 * `ERR_NOTIFY_CHANNEL_INVALID`, `ERR_NOTIFY_HEADER_INVALID` or `ERR_NOTIFY_MAIL_FIELD_INVALID` for a field.
 */
export function composeInner(entity: InnerParts): Uint8Array {
  const payload = requirePayload(entity.payload);
  const header = [
    `Content-Type: ${requireMediaType(entity.mediaType)}; hp="cipher"`,
    'Content-Transfer-Encoding: binary',
    `From: ${requireAddress(entity.from)}`,
    `To: ${requireAddress(entity.to)}`,
    `Date: ${formatMailDate(entity.date)}`,
    `Message-ID: ${requireMessageId(entity.messageId)}`,
    `Email-Notify: ${formatPushHeader(entity.push)}`,
    '',
    '',
  ].join('\r\n');
  const bytes = new Uint8Array(header.length + payload.length);
  new TextEncoder().encodeInto(header, bytes);
  bytes.set(payload, header.length);
  return bytes;
}

function requireMediaType(mediaType: InnerMediaType = 'application/octet-stream'): InnerMediaType {
  if (isInnerMediaType(mediaType)) return mediaType;
  throw new NotifyError('ERR_NOTIFY_MAIL_FIELD_INVALID', 'Give the media type of a push or of a grant.');
}

/**
 * `payload` unchanged.
 *
 * @throws NotifyError `ERR_NOTIFY_PAYLOAD_SIZE` when it is empty or over 4096 bytes.
 */
export function requirePayload(payload: Uint8Array): Uint8Array {
  if (payload.length < 1 || payload.length > limits.payloadBytes) {
    throw new NotifyError('ERR_NOTIFY_PAYLOAD_SIZE', `Give a payload of 1 to ${limits.payloadBytes} bytes.`);
  }
  return payload;
}
