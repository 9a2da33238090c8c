import { isLoopback, parseServerUrl, type ServerLocation, type ServerUrlKind } from './server-url.js';

/** Where the user's Sieve scripts are. */
export interface SieveLocation extends Omit<ServerLocation, 'scheme'> {
  /** Whether nothing may be told before STARTTLS. */
  readonly mustEncrypt: boolean;
}

/** RFC 5804 §1.8. */
const port = 4190;

const kind: ServerUrlKind = {
  ports: { 'sieve:': port },
  example: 'sieve://alice@mail.example.org',
  noPath: 'scripts are not named here',
};

/**
 * Reads the value of `sieve` (RFC 5804 §3); without one it is the host of `imap`. What is wrong with it comes back as the end of a sentence
 * that begins with the key.
 *
 * @param insecure whether other machines may be told a password without TLS.
 */
export function parseSieveUrl(
  url: string | undefined,
  imapHost: string,
  insecure: boolean,
): SieveLocation | { readonly problem: string } {
  const parsed = url === undefined ? { host: imapHost, port, user: undefined } : parseServerUrl(url, kind);
  if ('problem' in parsed) return parsed;
  const { host, port: wanted, user } = parsed;
  return { host, port: wanted, user, mustEncrypt: !insecure && !isLoopback(host) };
}
