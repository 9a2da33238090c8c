import { requireAddress } from './address.js';
import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const messageIdPattern = /^<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+>$/;

/**
 * Writes `random` as a Message-ID in the domain of `from`, with its angle brackets: `<q2VHXz…@app.example>`. Twelve bytes
 * are plenty, and each byte is in the mail twice.
 *
 * @throws NotifyError `ERR_ADDRESS_INVALID`, `ERR_NOTIFY_MAIL_FIELD_INVALID`.
 */
export function formatMessageId(random: Uint8Array, from: string): string {
  const domain = requireAddress(from).slice(from.lastIndexOf('@') + 1);
  return requireMessageId(`<${Buffer.from(random).toString('base64url')}@${domain}>`);
}

/**
 * `messageId` unchanged.
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_FIELD_INVALID` unless it is `<left@right>` in ASCII atoms and dots, at most 250
 * characters with its angle brackets (RFC 5322 §3.6.4).
 */
export function requireMessageId(messageId: string): string {
  if (messageId.length > limits.messageIdChars || !messageIdPattern.test(messageId)) {
    throw new NotifyError('ERR_NOTIFY_MAIL_FIELD_INVALID', 'Give a Message-ID like <unique@app.example>.');
  }
  return messageId;
}
