import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const fold = /\r?\n(?=[ \t])/g;
const lineText = /^[\t\x20-\x7e]*$/;
const attributeName = /^[A-Za-z0-9_-]+$/;

/**
 * Takes the folding out of a header value: a line break in front of white space goes, the white space stays (RFC 5322
 * §2.2.3). A lone LF counts as a line break, since mail stores change CRLF to LF.
 */
export function unfold(value: string): string {
  return value.replace(fold, '');
}

/**
 * Reads an Email-Notify value, folded or not, into its attributes by lower-case name. Which names are known is for the
 * caller to say; the grammar is `name=value` pairs separated by `;`, with optional white space around names, values and
 * separators and an optional `;` at the end.
 *
 * @throws NotifyError `ERR_NOTIFY_HEADER_INVALID` for another syntax, a name that comes twice, a character that is not
 * printable ASCII (CR, LF and NUL among them) or more than 998 bytes; `ERR_NOTIFY_VERSION_UNKNOWN` when `v` is not 1.
 */
export function parseAttributes(value: string): ReadonlyMap<string, string> {
  // A fold is at least three characters of which one remains, so nothing longer can get under the bound.
  if (value.length > 3 * limits.headerBytes) throw tooLong();
  const line = unfold(value);
  if (line.length > limits.headerBytes) throw tooLong();
  if (!lineText.test(line)) throw invalid('Write the Email-Notify header in printable ASCII.');
  const attributes = new Map<string, string>();
  for (const pair of withoutEnd(line).split(';')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    if (!attributeName.test(name)) throw invalid('Write the Email-Notify header as name=value pairs separated by ";".');
    if (attributes.has(name)) throw invalid('Write each name of the Email-Notify header only once.');
    attributes.set(name, pair.slice(equals + 1).trim());
  }
  requireVersion(attributes.get('v'));
  return attributes;
}

/** Writes attributes in the order given, without folding; the values have been checked by the caller. */
export function formatAttributes(attributes: readonly (readonly [name: string, value: string | undefined])[]): string {
  return attributes.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join('; ');
}

/** The error for an Email-Notify value that breaks a rule, told as `message`. */
export function invalid(message: string): NotifyError {
  return new NotifyError('ERR_NOTIFY_HEADER_INVALID', message);
}

function requireVersion(version: string | undefined): void {
  if (version === '1') return;
  if (version === undefined) throw invalid('Say v=1 in the Email-Notify header.');
  throw new NotifyError(
    'ERR_NOTIFY_VERSION_UNKNOWN',
    'This Email-Notify header is of another version; update mailpush or send version 1.',
  );
}

function withoutEnd(line: string): string {
  const text = line.trimEnd();
  return text.endsWith(';') ? text.slice(0, -1) : text;
}

function tooLong(): NotifyError {
  return invalid(`Keep the Email-Notify header within ${limits.headerBytes} bytes.`);
}
