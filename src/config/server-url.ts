import { isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** A server as a URL names it. */
export interface ServerLocation {
  /** Such as `imaps:`. */
  readonly scheme: string;
  /** Name in ASCII or IP address (IPv6 without brackets), in lower case. */
  readonly host: string;
  readonly port: number;
  /** Undefined when the URL names none. */
  readonly user: string | undefined;
}

/** What a key with a URL in it takes. */
export interface ServerUrlKind {
  /** The schemes with their ports. */
  readonly ports: Readonly<Record<string, number>>;
  /** For a person. */
  readonly example: string;
  /** Where to put what does not belong behind the port; follows a colon. */
  readonly noPath: string;
  /** The keys for the password. Default `password_command or password_file`. */
  readonly passwordKeys?: string;
}

const hostName = /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/;

/** This very machine: what is said to it stays on it (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Undefined when it is no host. */
function hostOf(hostname: string): string | undefined {
  const bare = /^\[(.*)\]$/.exec(hostname)?.[1];
  if (bare !== undefined) return bare;
  const host = domainToASCII(decoded(hostname) ?? '').toLowerCase();
  return isIP(host) !== 0 || hostName.test(host) ? host : undefined;
}

/** Undefined when it is not percent-encoded UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function listed(schemes: readonly string[]): string {
  const urls = schemes.map((scheme) => `${scheme}//`);
  const last = urls.pop() ?? '';
  return urls.length === 0 ? last : `${urls.join(', ')} or ${last}`;
}

/** Reads the URL of a server; what is wrong with it comes back as the end of a sentence that begins with its key. */
export function parseServerUrl(
  url: string,
  { ports, example, noPath, passwordKeys = 'password_command or password_file' }: ServerUrlKind,
): ServerLocation | { readonly problem: string } {
  const advice = `write it like ${example}`;
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return { problem: `is not a URL: ${advice}` };
  }
  const port = Object.hasOwn(ports, parsed.protocol) ? ports[parsed.protocol] : undefined;
  if (port === undefined) return { problem: `must begin with ${listed(Object.keys(ports))}` };
  if (parsed.password !== '') return { problem: `must hold no password: use ${passwordKeys}` };
  if (parsed.hostname === '') return { problem: `names no host: ${advice}` };
  if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    return { problem: `must end after host and port: ${noPath}` };
  }
  const host = hostOf(parsed.hostname);
  if (host === undefined) return { problem: `names a host that cannot be: ${advice}` };
  if (parsed.port === '0') return { problem: `has a port that cannot be: leave it out for ${port}` };
  const user = decoded(parsed.username);
  if (user === undefined) return { problem: 'has a user that is not percent-encoded: write % as %25' };
  if (/\p{Cc}/u.test(user)) return { problem: 'has a control character in its user: remove it' };
  return {
    scheme: parsed.protocol,
    host,
    port: parsed.port === '' ? port : Number(parsed.port),
    user: user === '' ? undefined : user,
  };
}
