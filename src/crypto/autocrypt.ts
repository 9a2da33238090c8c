import { isAddress } from '../notify-spec/index.js';
import { CryptoError } from './errors.js';

const maxHeaderBytes = 10_240;
const maxHeaders = 16;

/** An Autocrypt header, taken apart. The key in it is not looked at yet. */
export interface AutocryptHeader {
  /** As written; compare addresses in canonical form. */
  readonly address: string;
  readonly preferEncrypt: 'mutual' | 'nopreference';
  readonly keydata: Uint8Array;
}

/**
 * Reads the value of an `Autocrypt` header (Autocrypt Level 1, "The Autocrypt Header"), unfolded or not: `addr` and `keydata` are needed,
 * `keydata` comes last, attributes that begin with `_` are skipped, another unknown one makes the header invalid, and
 * so does a size above 10 KiB. Throws `ERR_AUTOCRYPT_INVALID`.
 */
export function parseAutocrypt(value: string): AutocryptHeader {
  if (typeof value !== 'string' || Buffer.byteLength(value) > maxHeaderBytes) {
    throw invalid(`The Autocrypt header is over ${maxHeaderBytes} bytes.`);
  }
  const attributes = readAttributes(value);
  const unknown = [...attributes.keys()].some((name) => !known.has(name) && !name.startsWith('_'));
  if (unknown) throw invalid('The Autocrypt header has a critical attribute that is not known.');
  const address = attributes.get('addr') ?? '';
  if (!isAddress(address)) throw invalid('The Autocrypt header does not name one plain address.');
  if ([...attributes.keys()].at(-1) !== 'keydata') throw invalid('The Autocrypt header does not end with keydata.');
  return {
    address,
    preferEncrypt: attributes.get('prefer-encrypt') === 'mutual' ? 'mutual' : 'nopreference',
    keydata: decodeKeydata(attributes.get('keydata') ?? ''),
  };
}

/**
 * The one valid header among the `Autocrypt` headers of a mail; undefined if none is valid or more than one is, as
 * Autocrypt Level 1 ("Updating Autocrypt Peer State") wants it. Invalid ones do not count.
 */
export function chooseAutocrypt(values: readonly string[]): AutocryptHeader | undefined {
  if (values.length > maxHeaders) return undefined;
  const valid: AutocryptHeader[] = [];
  for (const value of values) {
    try {
      valid.push(parseAutocrypt(value));
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
    }
  }
  return valid.length === 1 ? valid[0] : undefined;
}

/**
 * Writes the value of an `Autocrypt` header on one line (Autocrypt Level 1, "The Autocrypt Header"); whoever puts it into a mail folds it.
 * Throws `ERR_AUTOCRYPT_INVALID` when the address is none or the value would be over 10 KiB.
 */
export function formatAutocrypt(header: { address: string; keydata: Uint8Array; preferEncrypt?: 'mutual' }): string {
  if (!isAddress(header.address)) throw invalid('An Autocrypt header names one plain address.');
  if (header.keydata.length === 0) throw invalid('An Autocrypt header needs a key.');
  const preference = header.preferEncrypt === 'mutual' ? ' prefer-encrypt=mutual;' : '';
  const keydata = Buffer.from(header.keydata).toString('base64');
  const value = `addr=${header.address};${preference} keydata=${keydata}`;
  if (Buffer.byteLength(value) > maxHeaderBytes) throw invalid('The key is too large for an Autocrypt header.');
  return value;
}

const known: ReadonlySet<string> = new Set(['addr', 'prefer-encrypt', 'keydata']);

function readAttributes(value: string): Map<string, string> {
  const attributes = new Map<string, string>();
  const pieces = value.split(';');
  if (pieces.at(-1)?.trim() === '') pieces.pop();
  for (const piece of pieces) {
    const equals = piece.indexOf('=');
    const name = piece.slice(0, Math.max(equals, 0)).trim();
    if (name === '') throw invalid('The Autocrypt header is not a list of attributes.');
    if (attributes.has(name)) throw invalid('The Autocrypt header repeats an attribute.');
    attributes.set(name, piece.slice(equals + 1).trim());
  }
  return attributes;
}

function decodeKeydata(text: string): Uint8Array {
  const base64 = text.replace(/[ \t\r\n]+/g, '');
  if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw invalid('The keydata of the Autocrypt header is not base64.');
  }
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function invalid(message: string): CryptoError {
  return new CryptoError('ERR_AUTOCRYPT_INVALID', message);
}
