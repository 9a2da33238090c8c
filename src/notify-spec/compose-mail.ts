import { requireAddress } from './address.js';
import { armorLines } from './armor.js';
import { invalid } from './attributes.js';
import { capTtl, isTtl } from './delivery-options.js';
import { foldAutocrypt } from './fold-autocrypt.js';
import { expiryDate, formatMailDate } from './mail-date.js';
import { requireMessageId } from './message-id.js';
import { formatRoutingHeader } from './routing-header.js';

/** What a push mail is made of. */
export interface OuterMail {
  readonly from: string;
  readonly to: string;
  readonly date: Date;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly channel: string;
  /** Decides the day in Expires; more than 28 days is capped. */
  readonly ttlSeconds: number;
  /** Value of the Autocrypt header of a handshake, in one line; none when the receiver has the key. */
  readonly autocrypt?: string;
  /** The signed and encrypted inner entity, ASCII-armored. */
  readonly armored: string;
}

/**
 * A fixed boundary cannot collide: `--push` would have to be a line of the armored message, and its lines, checked one by
 * one, are base64 or begin with five hyphens. Short, because it is in the mail four times.
 */
const boundary = 'push';

/**
 * Writes a whole push mail (RFC 3156 §4) in CRLF lines. Equal input gives equal bytes. No field can add a header: each is
 * checked to be of a syntax without line breaks.
 *
 * @throws NotifyError `ERR_ADDRESS_INVALID`, `ERR_NOTIFY_CHANNEL_INVALID`, `ERR_NOTIFY_HEADER_INVALID` (the TTL) or
 * `ERR_NOTIFY_MAIL_FIELD_INVALID` (date, message id, Autocrypt value, armored message).
 */
export function composeMail(mail: OuterMail): Uint8Array {
  if (!isTtl(mail.ttlSeconds)) throw invalid('Give the TTL as a whole number of seconds.');
  const lines = [
    `From: ${requireAddress(mail.from)}`,
    `To: ${requireAddress(mail.to)}`,
    `Date: ${formatMailDate(mail.date)}`,
    `Message-ID: ${requireMessageId(mail.messageId)}`,
    'MIME-Version: 1.0',
    'Subject: [...]',
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    `Expires: ${formatMailDate(expiryDate(mail.date, capTtl(mail.ttlSeconds)))}`,
    `Email-Notify: ${formatRoutingHeader({ channel: mail.channel })}`,
    ...(mail.autocrypt === undefined ? [] : [foldAutocrypt(mail.autocrypt)]),
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";',
    ` boundary=${boundary}`,
    '',
    `--${boundary}`,
    'Content-Type: application/pgp-encrypted',
    '',
    'Version: 1',
    '',
    `--${boundary}`,
    'Content-Type: application/octet-stream',
    '',
    ...armorLines(mail.armored),
    `--${boundary}--`,
    '',
  ];
  return new TextEncoder().encode(lines.join('\r\n'));
}
