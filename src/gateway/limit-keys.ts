import { createHmac, hkdfSync } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { canonicalAddress } from '../notify-spec/index.js';
import type { EndpointName } from './parts.js';

/** Names what is counted. No name tells an address to somebody who does not have the key, as a look into Redis does. */
export interface LimitKeys {
  /** One endpoint: its channel at its address, so that nobody can use up the pushes of a channel that is not theirs. */
  readonly endpoint: (endpoint: EndpointName) => string;
  /** One mailbox, whatever stands between `+` and `@`; at Gmail whatever dots there are. */
  readonly mailbox: (address: string) => string;
  /** What stands after the `@`. */
  readonly domain: (address: string) => string;
  /** One client: an IPv4 address, or the first 64 bits of an IPv6 address, which is what one customer has at least. */
  readonly client: (ip: string) => string;
}

/** Bytes of a name: enough that no two meet, and short in Redis. */
const keyBytes = 16;

/** Makes it from a secret that all replicas have. */
export function createLimitKeys(secret: Uint8Array): LimitKeys {
  const key = new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), 'mailpush gateway limits', 32));
  const name = (text: string): string =>
    createHmac('sha256', key).update(text).digest().subarray(0, keyBytes).toString('base64url');
  return {
    endpoint: ({ address, channel }) => name(`endpoint ${channel} ${canonicalAddress(address)}`),
    mailbox: (address) => name(`mailbox ${mailboxOf(address)}`),
    domain: (address) => name(`domain ${domainOf(canonicalAddress(address))}`),
    client: (ip) => name(`client ${networkOf(ip)}`),
  };
}

function domainOf(canonical: string): string {
  const domain = canonical.slice(canonical.lastIndexOf('@') + 1);
  return domain === 'googlemail.com' ? 'gmail.com' : domain;
}

/**
 * The mailbox that an address most probably belongs to: its canonical form without a sub-address (RFC 5233 §4). Rather too
 * few mails than too many, should a server not know sub-addresses.
 */
export function mailboxOf(address: string): string {
  const canonical = canonicalAddress(address);
  const domain = domainOf(canonical);
  const whole = canonical.slice(0, canonical.lastIndexOf('@'));
  const plus = whole.indexOf('+');
  const local = plus > 0 ? whole.slice(0, plus) : whole;
  return `${domain === 'gmail.com' ? local.replaceAll('.', '') : local}@${domain}`;
}

/** The network of an IP address: itself for IPv4, also where it is written as IPv6; what is no address is taken as it is. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const groups = groupsOf(ip);
  const [high = 0, low = 0] = groups.slice(6);
  const isIPv4Mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isIPv4Mapped) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight numbers of an IPv6 address; the URL parser writes an IPv4 address at its end as two of them. */
function groupsOf(ip: string): readonly number[] {
  const address = new URL(`http://[${ip.split('%')[0]}]`).hostname.slice(1, -1);
  const [front = '', back] = address.split('::');
  const read = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [read(front), read(back ?? '')];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}
