/** Where the mail server is and how it is reached. */
export interface ImapLocation {
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

const isScheme = (protocol: string): protocol is keyof typeof schemes => Object.hasOwn(schemes, protocol);

/** This very machine: what is said to it stays on it (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Reads the value of `imap`; what is wrong with it comes back as the end of a sentence that begins with the key. */
export function parseImapUrl(url: string): ImapLocation | { readonly problem: string } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return { problem: 'is not a URL: write it like imaps://alice@mail.example.org' };
  }
  if (!isScheme(parsed.protocol)) return { problem: 'must begin with imaps://, imap+starttls:// or imap://' };
  if (parsed.password !== '') return { problem: 'must hold no password: use password_command or password_file' };
  if (parsed.hostname === '') return { problem: 'names no host: write it like imaps://alice@mail.example.org' };
  if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') {
    return { problem: 'must end after the host and port: the folder is a key of its own' };
  }
  const { security, port } = schemes[parsed.protocol];
  let user: string;
  try {
    user = decodeURIComponent(parsed.username);
  } catch {
    return { problem: 'has a user that is not percent-encoded: write % as %25 and @ as %40' };
  }
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase(),
    port: parsed.port === '' ? port : Number(parsed.port),
    security,
    user: user === '' ? undefined : user,
  };
}
