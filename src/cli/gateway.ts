import {
  ConfigError,
  type ConfigErrorCode,
  defaultConfigFile,
  type GatewayConfig,
  isLoopback,
  loadGatewayConfig,
} from '../config/index.js';
import { MailpushError } from '../errors.js';
import { parseSecrets, runGateway } from '../gateway/index.js';
import { createRuntime } from '../runtime.js';
import type { SmtpOptions } from '../sender/index.js';
import { createLog } from './log.js';
import { version } from './version.js';

/** Options of `mailpush gateway`. */
export interface GatewayCommandOptions {
  readonly config?: string;
  readonly verbose: boolean;
}

async function smtpOf({ smtp, password, ca, insecure }: GatewayConfig, signal: AbortSignal): Promise<SmtpOptions> {
  const { url, user } = smtp;
  return {
    url,
    insecure,
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(user === undefined || password === undefined ? {} : { auth: { user, pass: await password(signal) } }),
  };
}

/** What the gateway finds wrong with a key of its section is a mistake in the file, so the file is named. */
function withFile(error: unknown, file: string): unknown {
  if (!(error instanceof MailpushError) || error instanceof ConfigError) return error;
  if (!error.code.startsWith('ERR_CONFIG_')) return error;
  return new ConfigError(error.code as ConfigErrorCode, `${file}: ${error.message}`, error.cause);
}

/**
 * Runs the gateway until `signal` is aborted, which is its proper end. See `runGateway` for what it rejects with, and
 * `loadGatewayConfig`; nothing is connected to before the configuration is read.
 */
export async function gateway(options: GatewayCommandOptions, signal: AbortSignal): Promise<void> {
  process.umask(0o077);
  const file = options.config ?? defaultConfigFile();
  const config = await loadGatewayConfig(file);
  const { listen, publicUrl, from, key, redis, tls, trustedProxies } = config;
  const log = createLog({ verbose: options.verbose, unsaid: [from, config.smtp.user ?? from] });
  if (tls === undefined && !isLoopback(listen.host)) {
    const sentence =
      'The gateway speaks plain HTTP to other machines: let only a proxy that speaks HTTPS reach it, or set tls_cert_file.';
    log.warn({ event: 'gateway.plain' }, sentence);
  }
  try {
    await runGateway(
      {
        listen,
        publicUrl,
        secrets: parseSecrets(config.secrets),
        smtp: await smtpOf(config, signal),
        from,
        key,
        ...(redis === undefined
          ? {}
          : { redis: { url: redis.url, ...(redis.password === undefined ? {} : { password: redis.password }) } }),
        ...(tls === undefined ? {} : { tls }),
        trustedProxies,
        version,
        runtime: createRuntime(log),
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw withFile(error, file);
  }
}
