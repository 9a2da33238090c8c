import { isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Where the mail server is and how it is reached. */
export interface ImapLocation {
  /** Name in ASCII or IP address (IPv6 without brackets), in lower case. */
  readonly host: string;
  readonly port: number;
  readonly security: 'tls' | 'starttls' | 'plain';
  /** Undefined when the URL names none. */
  readonly user: string | undefined;
}

const schemes = {
  'imaps:': { security: 'tls', port: 993 },
  'imap+starttls:': { security: 'starttls', port: 143 },
  'imap:': { security: 'plain', port: 143 },
} as const;

const example = 'write it like imaps://alice@mail.example.org';
const hostName = /^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/;

const isScheme = (protocol: string): protocol is keyof typeof schemes => Object.hasOwn(schemes, protocol);

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

/** Reads the value of `imap`; what is wrong with it comes back as the end of a sentence that begins with the key. */
export function parseImapUrl(url: string): ImapLocation | { readonly problem: string } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return { problem: `is not a URL: ${example}` };
  }
  if (!isScheme(parsed.protocol)) return { problem: 'must begin with imaps://, imap+starttls:// or imap://' };
  if (parsed.password !== '') return { problem: 'must hold no password: use password_command or password_file' };
  if (parsed.hostname === '') return { problem: `names no host: ${example}` };
  if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    return { problem: 'must end after host and port: the folder is a key of its own' };
  }
  const host = hostOf(parsed.hostname);
  if (host === undefined) return { problem: `names a host that cannot be: ${example}` };
  const { security, port } = schemes[parsed.protocol];
  if (parsed.port === '0') return { problem: `has a port that cannot be: leave it out for ${port}` };
  const user = decoded(parsed.username);
  if (user === undefined) return { problem: 'has a user that is not percent-encoded: write % as %25' };
  if (/\p{Cc}/u.test(user)) return { problem: 'has a control character in its user: remove it' };
  return {
    host,
    port: parsed.port === '' ? port : Number(parsed.port),
    security,
    user: user === '' ? undefined : user,
  };
}
