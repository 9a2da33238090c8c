import { isLoopback, parseServerUrl, type ServerUrlKind } from './server-url.js';

const kind: ServerUrlKind = {
  ports: { 'https:': 443, 'http:': 80 },
  example: 'https://push.example.org',
  noPath: 'a gateway is named by its origin alone',
};

/**
 * Reads the value of `gateway` in the section of the account: an origin, and with `http://` this machine only. What is wrong
 * with it comes back as the end of a sentence that begins with the key.
 *
 * @returns the origin in its one normal form (RFC 6454 §6.2): lower case, no default port, no slash at the end.
 */
export function parseGatewayUrl(url: string): { readonly origin: string } | { readonly problem: string } {
  const parsed = parseServerUrl(url, kind);
  if ('problem' in parsed) return parsed;
  if (parsed.user !== undefined) return { problem: 'must name no user: a gateway asks for none' };
  if (parsed.scheme === 'http:' && !isLoopback(parsed.host)) {
    return { problem: 'goes to another machine without TLS: use https://' };
  }
  return { origin: new URL(url).origin };
}
