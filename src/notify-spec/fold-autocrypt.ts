import { NotifyError } from './errors.js';
import { limits } from './limits.js';

/** Longest line that a mail should have (RFC 5322 §2.1.1); {@link limits.headerBytes} is the longest it may have. */
const lineChars = 78;
const autocryptPattern = /^([\x20-\x7e]*;)?[ \t]*keydata=([A-Za-z0-9+/= \t]+)$/;

/**
 * Writes an Autocrypt header field for a mail: attributes on the first line, keydata folded behind it, lines of at most
 * 78 characters where the attributes allow it. Reading takes the white space out of keydata again (Autocrypt Level 1
 * §"The Autocrypt Header").
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_FIELD_INVALID` when `value` is not one line of printable ASCII that ends with
 * `keydata=` and base64, is over 10 KiB, or has attributes over 900 bytes.
 */
export function foldAutocrypt(value: string): string {
  const match = value.length > limits.autocryptBytes ? null : autocryptPattern.exec(value);
  const [, attributes = '', keydata = ''] = match ?? [];
  if (match === null || attributes.length > 900) {
    throw new NotifyError(
      'ERR_NOTIFY_MAIL_FIELD_INVALID',
      'Give an Autocrypt value in one line with keydata at its end.',
    );
  }
  const folded = `keydata=${keydata.replace(/[ \t]+/g, '')}`.match(new RegExp(`.{1,${lineChars - 1}}`, 'g')) ?? [];
  return [`Autocrypt: ${attributes}`.trimEnd(), ...folded].join('\r\n ');
}
