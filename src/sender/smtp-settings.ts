import { isIP } from 'node:net';
import { invalid, PushError } from './errors.js';
import type { SmtpAuth, SmtpOptions } from './sender-options.js';

/** How to reach an SMTP server, with nothing left open. */
export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** `tls` from the first byte, `starttls` required, `starttls-if-offered`, or `plain`. */
  readonly security: 'tls' | 'starttls' | 'starttls-if-offered' | 'plain';
  readonly auth: SmtpAuth | undefined;
  readonly name: string | undefined;
  readonly ca: readonly string[] | undefined;
  readonly servername: string | undefined;
  readonly connectionTimeoutMs: number;
  readonly greetingTimeoutMs: number;
  readonly socketTimeoutMs: number;
}

const hostName = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const maxTimeoutMs = 3_600_000;

const knownOptions: ReadonlySet<string> = new Set<keyof SmtpOptions>([
  'url',
  'host',
  'port',
  'secure',
  'requireTLS',
  'insecure',
  'auth',
  'name',
  'tls',
  'connectionTimeout',
  'greetingTimeout',
  'socketTimeout',
]);

const knownTlsOptions: ReadonlySet<string> = new Set(['ca', 'servername']);

/**
 * Reads a URL or options. Plain SMTP goes to this machine only, unless `insecure` asks for more: to any other STARTTLS is
 * required (RFC 8314 §3). Throws `ERR_OPTION_INVALID`; the message never holds the URL, which may hold a password.
 */
export function readSmtpSettings(smtp: string | SmtpOptions): SmtpSettings {
  const given: SmtpOptions = typeof smtp === 'string' ? { url: smtp } : smtp;
  if (typeof given !== 'object' || given === null) throw invalid('Give smtp as a URL or as options.');
  requireKnown(given, knownOptions);
  requireKnown(given.tls ?? {}, knownTlsOptions);
  if ((given.url === undefined) === (given.host === undefined)) throw invalid('Give smtp either a url or a host.');
  const options: SmtpOptions = given.url === undefined ? given : { ...readUrl(given.url), ...given };

  const host = readHost(options.host);
  const secure = options.secure ?? options.port === 465;
  const security = securityOf(options, secure, isLoopback(host));
  const { tls = {} } = options;
  return {
    host,
    port: readInteger('port', options.port ?? defaultPort(security), 65_535),
    security,
    auth: readAuth(options.auth),
    name: options.name === undefined ? undefined : readHost(options.name),
    ca: tls.ca === undefined ? undefined : readCertificates(tls.ca),
    servername: tls.servername === undefined ? undefined : readHost(tls.servername),
    connectionTimeoutMs: readInteger('connectionTimeout', options.connectionTimeout ?? 15_000, maxTimeoutMs),
    greetingTimeoutMs: readInteger('greetingTimeout', options.greetingTimeout ?? 30_000, maxTimeoutMs),
    socketTimeoutMs: readInteger('socketTimeout', options.socketTimeout ?? 120_000, maxTimeoutMs),
  };
}

// An option that is silently left out may be one that somebody relies on for security.
function requireKnown(options: object, known: ReadonlySet<string>): void {
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) throw invalid(`The smtp option ${JSON.stringify(unknown).slice(0, 40)} is not known.`);
}

function securityOf(options: SmtpOptions, secure: boolean, loopback: boolean): SmtpSettings['security'] {
  if (secure) return 'tls';
  if (options.requireTLS === true) return 'starttls';
  // To this machine there is nobody to hide from, and its certificate is seldom one that can be verified.
  if (loopback) return 'plain';
  return options.insecure === true ? 'starttls-if-offered' : 'starttls';
}

function defaultPort(security: SmtpSettings['security']): number {
  if (security === 'tls') return 465;
  return security === 'plain' ? 25 : 587;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function readUrl(text: string): SmtpOptions {
  if (typeof text !== 'string' || !URL.canParse(text)) throw invalid('The smtp URL is not valid.');
  const url = new URL(text);
  const scheme = new Map<string, SmtpOptions>([
    ['smtps:', { secure: true }],
    ['smtp+starttls:', { secure: false, requireTLS: true }],
    ['smtp:', { secure: false }],
  ]).get(url.protocol);
  if (scheme === undefined) throw invalid('An smtp URL begins with smtps://, smtp+starttls:// or smtp://.');
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    throw invalid('An smtp URL ends after the host and port.');
  }
  const [user, pass] = [decode(url.username), decode(url.password)];
  return {
    ...scheme,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(user === '' ? {} : { auth: { user, pass } }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new PushError('ERR_OPTION_INVALID', 'Percent-encode user and password of the smtp URL.', { cause });
  }
}

function readHost(host: unknown): string {
  if (typeof host !== 'string' || (!hostName.test(host) && isIP(host) === 0)) {
    throw invalid('Give smtp a host name or an IP address.');
  }
  return host.toLowerCase();
}

function readAuth(auth: SmtpAuth | undefined): SmtpAuth | undefined {
  if (auth === undefined) return undefined;
  const { user, pass } = auth;
  if (typeof user !== 'string' || typeof pass !== 'string' || user === '') {
    throw invalid('Give smtp auth a user and a pass, or leave it out.');
  }
  return { user, pass };
}

function readCertificates(ca: string | readonly string[]): readonly string[] {
  const certificates = typeof ca === 'string' ? [ca] : [...ca];
  if (certificates.length === 0 || certificates.some((each) => !each.includes('-----BEGIN CERTIFICATE-----'))) {
    throw invalid('Give smtp tls.ca certificates in PEM.');
  }
  return certificates;
}

function readInteger(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`The smtp option ${name} is a whole number from 1 to ${most}.`);
  }
  return value;
}
