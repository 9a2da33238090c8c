import { parseServerUrl, type ServerLocation, type ServerUrlKind } from './server-url.js';

/** Where the mail server is and how it is reached. */
export interface ImapLocation extends Omit<ServerLocation, 'scheme'> {
  readonly security: 'tls' | 'starttls' | 'plain';
}

const securities: Readonly<Record<string, ImapLocation['security']>> = {
  'imaps:': 'tls',
  'imap+starttls:': 'starttls',
  'imap:': 'plain',
};

const kind: ServerUrlKind = {
  ports: { 'imaps:': 993, 'imap+starttls:': 143, 'imap:': 143 },
  example: 'imaps://alice@mail.example.org',
  noPath: 'the folder is a key of its own',
};

/** Reads the value of `imap`; what is wrong with it comes back as the end of a sentence that begins with the key. */
export function parseImapUrl(url: string): ImapLocation | { readonly problem: string } {
  const parsed = parseServerUrl(url, kind);
  if ('problem' in parsed) return parsed;
  const { scheme, ...location } = parsed;
  return { ...location, security: securities[scheme] ?? 'tls' };
}
