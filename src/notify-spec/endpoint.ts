import { isAddress } from './address.js';
import { isChannel } from './channel.js';
import { NotifyError } from './errors.js';
import { limits } from './limits.js';
import { formatRoutingHeader, parseRoutingHeader } from './routing-header.js';

/** What a `mailto:` endpoint holds. */
export interface MailEndpoint {
  /** Where push mail goes: one plain address. */
  readonly address: string;
  readonly channel: string;
  /** Value of the Autocrypt field, verbatim and not yet looked into; it carries the channel's public key. */
  readonly autocrypt: string;
}

const scheme = /^mailto:/i;
/** RFC 6068 §2: `qchar` without the `%` of an escape, which is looked at apart. */
const plainChars = /^[A-Za-z0-9._~!$'()*+,;:@-]*$/;
const escapes = /%([0-9A-Fa-f]{2})/g;
const lineText = /^[\x20-\x7e]+$/;

/**
 * Reads a `mailto:` endpoint (RFC 6068): one address and the fields Email-Notify and Autocrypt, each once, in either
 * order, their names in either case, and nothing else. `+` stands for itself.
 *
 * @throws NotifyError `ERR_ENDPOINT_INVALID` for anything else, for over 1000 bytes, and for characters, escaped or not,
 * that are not printable ASCII.
 */
export function parseEndpoint(uri: string): MailEndpoint {
  if (uri.length > limits.endpointBytes) throw tooLong();
  if (!scheme.test(uri)) throw invalid();
  const question = uri.indexOf('?');
  if (question === -1) throw invalid();
  const address = decode(uri.slice('mailto:'.length, question));
  const fields = parseFields(uri.slice(question + 1));
  const routing = fields.get('email-notify');
  const autocrypt = fields.get('autocrypt');
  if (!isAddress(address) || fields.size !== 2 || routing === undefined || autocrypt === undefined) throw invalid();
  return { address, channel: parseChannel(routing), autocrypt };
}

/**
 * Writes a `mailto:` endpoint: Email-Notify before Autocrypt, everything but letters, digits and `-._~` percent-encoded,
 * so that `+` is `%2B`.
 *
 * @throws NotifyError `ERR_ENDPOINT_INVALID` when a part is not valid or the URI would be over 1000 bytes.
 */
export function formatEndpoint(endpoint: MailEndpoint): string {
  const { address, channel, autocrypt } = endpoint;
  if (!isAddress(address) || !isChannel(channel) || !lineText.test(autocrypt)) throw invalid();
  const at = address.lastIndexOf('@');
  const to = `${encode(address.slice(0, at))}@${encode(address.slice(at + 1))}`;
  const uri = `mailto:${to}?Email-Notify=${encode(formatRoutingHeader({ channel }))}&Autocrypt=${encode(autocrypt)}`;
  if (uri.length > limits.endpointBytes) throw tooLong();
  return uri;
}

function parseFields(query: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of query.split('&')) {
    const equals = field.indexOf('=');
    const name = decode(field.slice(0, Math.max(equals, 0))).toLowerCase();
    if (fields.has(name)) throw invalid();
    fields.set(name, decode(field.slice(equals + 1)));
  }
  return fields;
}

function parseChannel(value: string): string {
  try {
    return parseRoutingHeader(value).channel;
  } catch (cause) {
    throw new NotifyError(
      'ERR_ENDPOINT_INVALID',
      'The Email-Notify field of this endpoint cannot be read; ask the app for a new endpoint.',
      { cause },
    );
  }
}

function decode(text: string): string {
  if (!plainChars.test(text.replace(escapes, ''))) throw invalid();
  const decoded = text.replace(escapes, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  if (!lineText.test(decoded)) throw invalid();
  return decoded;
}

/** `encodeURIComponent` leaves a few marks that some programs escape and others do not. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function invalid(): NotifyError {
  return new NotifyError('ERR_ENDPOINT_INVALID', 'This is not a mail endpoint; take it from the app unchanged.');
}

function tooLong(): NotifyError {
  return new NotifyError(
    'ERR_ENDPOINT_INVALID',
    `The endpoint is over ${limits.endpointBytes} bytes; use a shorter mail address.`,
  );
}
