import { domainToASCII } from 'node:url';
import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const dotAtom = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
/** Letters, digits, hyphens, dots and what is not ASCII: all that may stand in a domain before it is made ASCII. */
const internationalName = /^[A-Za-z0-9.\u0080-\uffff-]+$/;

/**
 * Whether `text` is one plain address: `dot-atom@host.name` in ASCII, at most 254 characters, its local part at most 64.
 * Quoted local parts, address literals, comments and display names are not plain. Source: RFC 5321 §4.1.2.
 */
export function isAddress(text: string): boolean {
  if (text.length > limits.addressChars) return false;
  const at = text.lastIndexOf('@');
  if (at < 1 || at > limits.localPartChars) return false;
  return dotAtom.test(text.slice(0, at)) && hostName.test(text.slice(at + 1));
}

/**
 * `address` as it is compared: local part and domain in lower case, an international domain in its ASCII form.
 * Source: Autocrypt Level 1 §"E-mail Address Canonicalization".
 *
 * @throws NotifyError `ERR_ADDRESS_INVALID` when it is not one plain address even then.
 */
export function canonicalAddress(address: string): string {
  const at = address.lastIndexOf('@');
  const canonical = `${address.slice(0, at).toLowerCase()}@${asciiDomain(address.slice(at + 1))}`;
  // Lower case can be ASCII where the capital is not (U+212A), so what was given has to be plain as well.
  if (at < 1 || !dotAtom.test(address.slice(0, at)) || !isAddress(canonical)) {
    throw new NotifyError('ERR_ADDRESS_INVALID', 'This is not a mail address; give one like alice@example.org.');
  }
  return canonical;
}

/**
 * `address` unchanged.
 *
 * @throws NotifyError `ERR_ADDRESS_INVALID` when it is not one plain address ({@link isAddress}).
 */
export function requireAddress(address: string): string {
  if (!isAddress(address)) {
    throw new NotifyError(
      'ERR_ADDRESS_INVALID',
      'This is not one plain mail address; give one like alice@example.org.',
    );
  }
  return address;
}

/** ASCII is only put in lower case: `domainToASCII` would read `127.1` as a network address and `%41` as a letter. */
function asciiDomain(domain: string): string {
  if (domain.length > limits.addressChars || !internationalName.test(domain)) return '';
  return hostName.test(domain) ? domain.toLowerCase() : domainToASCII(domain);
}
