import { isLoopback, parseServerUrl, type ServerUrlKind } from './server-url.js';

const kind: ServerUrlKind = {
  ports: { 'rediss:': 6379, 'redis:': 6379 },
  example: 'rediss://redis.example.org/0',
  noPath: 'only the number of a database may follow',
  passwordKeys: 'redis_password_file',
};

/**
 * Checks the URL of a Redis, of which the path is the number of a database, or of its socket; what is wrong with it comes back as the end of a sentence
 * that begins with its key.
 *
 * @param insecure whether a plain connection may go to another machine.
 */
export function checkRedisUrl(url: string, insecure: boolean): { readonly problem: string } | undefined {
  if (/^unix:\/\/\/[^?#]+$/.test(url)) {
    return isDecodable(url) ? undefined : { problem: 'has a path that is not percent-encoded: write % as %25' };
  }
  const parsed = parseServerUrl(url.replace(/(?<=[^/])\/\d{1,3}$/, ''), kind);
  if ('problem' in parsed) return parsed;
  if (parsed.scheme === 'redis:' && !insecure && !isLoopback(parsed.host)) {
    return { problem: 'goes to another machine without TLS: use rediss://, or set insecure = true' };
  }
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
