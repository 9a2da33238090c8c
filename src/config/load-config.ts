import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from './errors.js';
import { type ImapLocation, isLoopback, parseImapUrl } from './imap-url.js';
import { resolvePath } from './paths.js';
import { type ConfigFile, readConfigFile } from './schema.js';
import { readSecretFile, runSecretCommand } from './secret.js';

/** Proves who the user is: a password, or an OAuth 2 access token. */
export type Secret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

/** The configuration, checked and ready for use. */
export interface Config {
  readonly address: string;
  readonly imap: ImapLocation & { readonly user: string };
  readonly credentials: (signal: AbortSignal) => Promise<Secret>;
  readonly folder: string;
  /** Certificates in PEM. */
  readonly ca: string | undefined;
  readonly keepRejected: boolean;
  readonly apps: 'allow' | 'deny';
  /** Keys that are set but not used by this version. */
  readonly unused: readonly string[];
}

async function readDocument(file: string): Promise<unknown> {
  let source: string;
  try {
    source = await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(
      'ERR_CONFIG_FILE',
      `${file} cannot be read: create it (the README shows one), or name another with --config.`,
      cause,
    );
  }
  try {
    return parse(source);
  } catch (cause) {
    const where = cause instanceof TomlError ? ` (line ${cause.line}, column ${cause.column})` : '';
    throw new ConfigError('ERR_CONFIG_SYNTAX', `${file} is not valid TOML${where}: correct it there.`, cause);
  }
}

type Account = ConfigFile['account'];

/** Exactly one of the three ways to get a secret. */
function credentialsOf(account: Account, file: string): { key: string; get: Config['credentials'] } {
  const { password_command: command, password_file: path, token_command: tokenCommand } = account;
  const ways: { key: string; get: Config['credentials'] }[] = [];
  if (command !== undefined) {
    const get: Config['credentials'] = async (signal) => ({
      kind: 'password',
      password: await runSecretCommand('password_command', command, signal),
    });
    ways.push({ key: 'password_command', get });
  }
  if (path !== undefined) {
    const resolved = resolvePath(path, dirname(file));
    ways.push({
      key: 'password_file',
      get: async () => ({ kind: 'password', password: await readSecretFile('password_file', resolved) }),
    });
  }
  if (tokenCommand !== undefined) {
    const get: Config['credentials'] = async (signal) => ({
      kind: 'token',
      token: await runSecretCommand('token_command', tokenCommand, signal),
    });
    ways.push({ key: 'token_command', get });
  }
  const [way, second] = ways;
  if (way === undefined) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.password_command is missing: add it, or password_file or token_command.`,
    );
  }
  if (second !== undefined) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.${second.key} is one too many: keep either it or ${way.key}.`,
    );
  }
  return way;
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

async function caOf(account: Account, file: string): Promise<string | undefined> {
  if (account.ca_file === undefined) return undefined;
  const path = resolvePath(account.ca_file, dirname(file));
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_SECRET', `${path} (ca_file) cannot be read: check the path.`, cause);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new ConfigError(
      'ERR_CONFIG_SECRET',
      `${path} (ca_file) holds no certificate in PEM: check that it is the right file.`,
    );
  }
  return pem;
}

/** One plain address, as the endpoint will carry it; the full grammar is checked where endpoints are made. */
const plainAddress = /^[^\s@<>"(),:;[\]\\]+@[^\s@<>"(),:;[\]\\]+$/;

/**
 * Reads and checks the configuration file. Files that it points to are looked at; commands are not run yet.
 *
 * @throws ConfigError with file, key and remedy in one line.
 */
export async function loadConfig(file: string): Promise<Config> {
  const read = readConfigFile(await readDocument(file));
  if (!read.ok) throw new ConfigError('ERR_CONFIG_KEY', `${file}: ${read.problem.key} ${read.problem.problem}.`);
  const { account } = read.config;
  if (!plainAddress.test(account.address) || account.address.length > 254) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.address is not a mail address: write it like alice@example.org.`,
    );
  }
  const credentials = credentialsOf(account, file);
  // A file can be looked at now, so that its owner need not wait for the login to hear of a mistake.
  if (account.password_file !== undefined) await credentials.get(AbortSignal.timeout(0));
  return {
    address: account.address,
    imap: imapOf(account, file),
    credentials: credentials.get,
    folder: account.folder,
    ca: await caOf(account, file),
    keepRejected: account.keep_rejected,
    apps: account.apps,
    unused: (['gateway', 'smtp'] as const).filter((key) => account[key] !== undefined),
  };
}
