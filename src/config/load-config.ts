import { readCertificates } from './certificates.js';
import { credentialsOf, type GetSecret } from './credentials.js';
import { ConfigError } from './errors.js';
import { parseGatewayUrl } from './gateway-url.js';
import { type ImapLocation, parseImapUrl } from './imap-url.js';
import { isPlainAddress } from './plain-address.js';
import { type ConfigFile, readSection } from './schema.js';
import { isLoopback } from './server-url.js';
import { parseSieveUrl, type SieveLocation } from './sieve-url.js';

/** The configuration, checked and ready for use. */
export interface Config {
  readonly address: string;
  readonly imap: ImapLocation & { readonly user: string };
  readonly credentials: GetSecret;
  readonly folder: string;
  /** Where the user's Sieve scripts would be; nobody has asked whether they are. */
  readonly sieve: SieveLocation & { readonly user: string };
  /** Certificates in PEM. */
  readonly ca: string | undefined;
  /** How often a server without IDLE is asked for news. */
  readonly pollMs: number;
  readonly keepRejected: boolean;
  readonly apps: 'allow' | 'deny';
  /** The origin of the gateway that apps get endpoints of; undefined: they get `mailto:` endpoints. */
  readonly gateway: string | undefined;
  /** Keys that are set but not used by this version. */
  readonly unused: readonly string[];
}

type Account = NonNullable<ConfigFile['account']>;

/** An endpoint holds the address three times and the key of its channel, and has 1000 bytes. */
const maxAddressChars = 90;

function addressOf({ address }: Account, file: string): string {
  const broken = (problem: string): ConfigError =>
    new ConfigError('ERR_CONFIG_KEY', `${file}: account.address ${problem}.`);
  if (!isPlainAddress(address)) throw broken('is not a plain mail address: write it like alice@example.org');
  if (address.length <= maxAddressChars) return address;
  throw broken(`is over ${maxAddressChars} characters, which no endpoint has room for: use a shorter one`);
}

function imapOf(account: Account, file: string): Config['imap'] {
  const location = parseImapUrl(account.imap);
  if ('problem' in location) throw new ConfigError('ERR_CONFIG_KEY', `${file}: account.imap ${location.problem}.`);
  if (location.security === 'plain' && !account.insecure && !isLoopback(location.host)) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.imap goes to another machine without TLS: use imaps:// or imap+starttls://, or set insecure = true.`,
    );
  }
  return { ...location, user: location.user ?? account.address };
}

function sieveOf(account: Account, imap: Config['imap'], file: string): Config['sieve'] {
  const location = parseSieveUrl(account.sieve, imap.host, account.insecure);
  if ('problem' in location) throw new ConfigError('ERR_CONFIG_KEY', `${file}: account.sieve ${location.problem}.`);
  return { ...location, user: location.user ?? imap.user };
}

function gatewayOf({ gateway }: Account, file: string): Config['gateway'] {
  if (gateway === undefined) return undefined;
  const location = parseGatewayUrl(gateway);
  if ('problem' in location) throw new ConfigError('ERR_CONFIG_KEY', `${file}: account.gateway ${location.problem}.`);
  return location.origin;
}

function unusedOf(account: Account): string[] {
  return account.smtp === undefined ? [] : ['account.smtp'];
}

/**
 * Reads and checks the configuration file. Files that it points to are looked at; commands are not run yet.
 *
 * @throws ConfigError with file, key and remedy in one line.
 */
export async function loadConfig(file: string): Promise<Config> {
  const account = await readSection('account', file);
  const address = addressOf(account, file);
  const imap = imapOf(account, file);
  return {
    address,
    imap,
    sieve: sieveOf(account, imap, file),
    credentials: await credentialsOf(account, file),
    folder: account.folder,
    ca: account.ca_file === undefined ? undefined : await readCertificates('account.ca_file', account.ca_file, file),
    pollMs: account.poll_seconds * 1000,
    keepRejected: account.keep_rejected,
    apps: account.apps,
    gateway: gatewayOf(account, file),
    unused: unusedOf(account),
  };
}
