import { readCertificates } from './certificates.js';
import { secretFromCommand, secretFromFile } from './credentials.js';
import { ConfigError } from './errors.js';
import type { GatewaySection } from './gateway-entries.js';
import { parseGatewayUrl } from './gateway-url.js';
import { type ListenAddress, parseListen } from './listen.js';
import { type NamedFile, readNamedFile } from './named-file.js';
import { isPlainAddress } from './plain-address.js';
import { isNetwork, loopbackNetworks } from './proxies.js';
import { checkRedisUrl } from './redis-url.js';
import { readSection } from './schema.js';
import { isLoopback, parseServerUrl, type ServerUrlKind } from './server-url.js';
import { readTlsFiles, type TlsFiles } from './tls-files.js';

/** The configuration of a gateway, checked and ready for use. */
export interface GatewayConfig {
  readonly listen: ListenAddress;
  /** Scheme, host, and port if need be, without a slash at the end. */
  readonly publicUrl: string;
  /** What stands in the file of secrets; nobody has looked into it. */
  readonly secrets: string;
  readonly smtp: {
    /** With the user, without a password. */
    readonly url: string;
    readonly user: string | undefined;
  };
  /** Gets the password of that user; undefined where there is no login. Rejects with a ConfigError `ERR_CONFIG_SECRET`. */
  readonly password: ((signal: AbortSignal) => Promise<string>) | undefined;
  readonly from: string;
  /** The private key of that address, as it stands in its file; nobody has tried to use it. */
  readonly key: string;
  /** The key of the configuration and the file that it names, for an error about the key. */
  readonly keyFile: NamedFile;
  readonly redis: { readonly url: string; readonly password: string | undefined } | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  /** IP addresses and networks. */
  readonly trustedProxies: readonly string[];
  /** Certificates in PEM. */
  readonly ca: string | undefined;
  readonly insecure: boolean;
}

type Key = keyof GatewaySection;
type Broken = (key: Key, problem: string) => ConfigError;

const brokenIn =
  (file: string): Broken =>
  (key, problem) =>
    new ConfigError('ERR_CONFIG_KEY', `${file}: gateway.${key} ${problem}.`);

const smtpKind: ServerUrlKind = {
  ports: { 'smtps:': 465, 'smtp+starttls:': 587, 'smtp:': 25 },
  example: 'smtps://push@mail.app.example',
  noPath: 'nothing belongs behind them',
};

async function passwordOf(
  section: GatewaySection,
  user: string | undefined,
  file: string,
  broken: Broken,
): Promise<GatewayConfig['password']> {
  const { password_command: command, password_file: path } = section;
  const way = command === undefined ? 'password_file' : 'password_command';
  if (command !== undefined && path !== undefined) {
    throw broken('password_file', 'is one too many: keep either it or password_command');
  }
  if (command === undefined && path === undefined) {
    if (user === undefined) return undefined;
    throw broken('password_command', 'is missing, as smtp names a user: add it, or password_file');
  }
  if (user === undefined) {
    throw broken('smtp', `names no user for the password: write it like ${smtpKind.example}, or remove ${way}`);
  }
  if (command !== undefined) return (signal) => secretFromCommand('gateway.password_command', command, file, signal);
  // A mistake shows before anything is started.
  const password = await secretFromFile('gateway.password_file', path ?? '', file);
  return async () => password;
}

async function tlsOf(section: GatewaySection, named: (key: Key) => NamedFile, broken: Broken) {
  const { tls_cert_file: cert, tls_key_file: key } = section;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined) throw broken('tls_cert_file', 'is missing, as tls_key_file is there: add it');
  if (key === undefined) throw broken('tls_key_file', 'is missing, as tls_cert_file is there: add it');
  return await readTlsFiles(named('tls_cert_file'), named('tls_key_file'));
}

async function redisOf(section: GatewaySection, file: string, broken: Broken): Promise<GatewayConfig['redis']> {
  const { redis: url, redis_password_file: path } = section;
  if (url === undefined) {
    if (path === undefined) return undefined;
    throw broken('redis', 'is missing, as redis_password_file is there: add it');
  }
  const wrong = checkRedisUrl(url, section.insecure);
  if (wrong !== undefined) throw broken('redis', wrong.problem);
  const password = path === undefined ? undefined : await secretFromFile('gateway.redis_password_file', path, file);
  return { url, password };
}

function proxiesOf(section: GatewaySection, listen: ListenAddress, broken: Broken): readonly string[] {
  const { trusted_proxies: given } = section;
  if (given === undefined) return isLoopback(listen.host) ? loopbackNetworks : [];
  const bad = given.findIndex((text) => !isNetwork(text));
  if (bad === -1) return given;
  throw broken(
    'trusted_proxies',
    `has something else than an IP address or a network in place ${bad + 1}: write it like 10.0.0.0/8`,
  );
}

const makeSecret = (path: string): string => `umask 077; head -c 32 /dev/urandom | base64 > ${path}`;

/**
 * Reads where a gateway keeps what its replicas share, and nothing else, so that whoever asks need not be able to read its secrets.
 *
 * @throws ConfigError with file, key and remedy in one line.
 */
export async function loadGatewayRedis(file: string): Promise<GatewayConfig['redis']> {
  return await redisOf(await readSection('gateway', file), file, brokenIn(file));
}

/**
 * Reads and checks the configuration of a gateway: the section `[gateway]`. Files that it points to are looked at; commands are
 * not run yet.
 *
 * @throws ConfigError with file, key and remedy in one line.
 */
export async function loadGatewayConfig(file: string): Promise<GatewayConfig> {
  const section = await readSection('gateway', file);
  const broken = brokenIn(file);
  const named = (key: Key): NamedFile => ({ key: `gateway.${key}`, path: String(section[key]), file });

  const listen = parseListen(section.listen);
  if ('problem' in listen) throw broken('listen', listen.problem);
  const publicUrl = parseGatewayUrl(section.public_url);
  if ('problem' in publicUrl) throw broken('public_url', publicUrl.problem);
  const smtp = parseServerUrl(section.smtp, smtpKind);
  if ('problem' in smtp) throw broken('smtp', smtp.problem);
  const { from } = section;
  if (!isPlainAddress(from)) throw broken('from', 'is not a plain mail address: write it like push@app.example');
  const password = await passwordOf(section, smtp.user, file, broken);
  const trustedProxies = proxiesOf(section, listen, broken);
  const redis = await redisOf(section, file, broken);
  const keygen = (path: string): string => `mailpush keygen --addr ${from} --out ${path}`;
  const keyFile = named('key_file');
  return {
    listen,
    publicUrl: publicUrl.origin,
    secrets: await readNamedFile(named('secret_file'), makeSecret),
    smtp: { url: section.smtp, user: smtp.user },
    password,
    from,
    key: await readNamedFile(keyFile, keygen),
    keyFile,
    redis,
    tls: await tlsOf(section, named, broken),
    trustedProxies,
    ca: section.ca_file === undefined ? undefined : await readCertificates('gateway.ca_file', section.ca_file, file),
    insecure: section.insecure,
  };
}
