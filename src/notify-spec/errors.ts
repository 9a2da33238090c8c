import { MailpushError } from '../errors.js';

/**
 * What can be wrong with a push mail, a header or an endpoint:
 *
 * - `ERR_ADDRESS_INVALID`: not one plain mail address;
 * - `ERR_ENDPOINT_INVALID`: not an endpoint URI, or one that would be too long;
 * - `ERR_NOTIFY_CHANNEL_INVALID`: not a channel;
 * - `ERR_NOTIFY_HEADER_INVALID`: an Email-Notify value breaks the grammar, or lacks something;
 * - `ERR_NOTIFY_VERSION_UNKNOWN`: an Email-Notify value of another version;
 * - `ERR_NOTIFY_PAYLOAD_SIZE`: a payload that is empty or over 4096 bytes;
 * - `ERR_NOTIFY_INNER_INVALID`: an inner entity that cannot be read;
 * - `ERR_NOTIFY_MAIL_FIELD_INVALID`: a date, message id, armored message or Autocrypt value that must not go into a mail;
 * - `ERR_NOTIFY_MAIL_BOUNDS`: a mail that is larger, or made of more parts, than is read;
 * - `ERR_NOTIFY_MAIL_INVALID`: a mail whose MIME structure cannot be read;
 * - `ERR_NOTIFY_NO_MESSAGE`: a mail without an armored message;
 * - `ERR_NOTIFY_SEVERAL_MESSAGES`: a mail with more than one.
 */
export type NotifyErrorCode =
  | 'ERR_ADDRESS_INVALID'
  | 'ERR_ENDPOINT_INVALID'
  | 'ERR_NOTIFY_CHANNEL_INVALID'
  | 'ERR_NOTIFY_HEADER_INVALID'
  | 'ERR_NOTIFY_VERSION_UNKNOWN'
  | 'ERR_NOTIFY_PAYLOAD_SIZE'
  | 'ERR_NOTIFY_INNER_INVALID'
  | 'ERR_NOTIFY_MAIL_FIELD_INVALID'
  | 'ERR_NOTIFY_MAIL_BOUNDS'
  | 'ERR_NOTIFY_MAIL_INVALID'
  | 'ERR_NOTIFY_NO_MESSAGE'
  | 'ERR_NOTIFY_SEVERAL_MESSAGES';

/** What every function of this folder throws; the disposition is always `rejected`. */
export class NotifyError extends MailpushError {
  declare readonly code: NotifyErrorCode;

  constructor(code: NotifyErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, options);
  }
}
