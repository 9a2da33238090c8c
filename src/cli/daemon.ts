import { type Config, defaultConfigFile, defaultStateDirectory, loadConfig } from '../config/index.js';
import { runDistributor } from '../distributor/index.js';
import { createRuntime } from '../runtime.js';
import { createLog } from './log.js';
import { version } from './version.js';

/** Options of `mailpush daemon`. */
export interface DaemonOptions {
  readonly config?: string;
  readonly stateDir?: string;
  readonly verbose: boolean;
}

function accountOf({ imap, credentials, folder, ca }: Config): Parameters<typeof runDistributor>[0]['account'] {
  return { ...imap, credentials, folder, ...(ca === undefined ? {} : { ca }) };
}

function gatewayOf({ gateway: url, ca }: Config): Pick<Parameters<typeof runDistributor>[0], 'gateway'> {
  return url === undefined ? {} : { gateway: { url, ca } };
}

/**
 * Runs the distributor until `signal` is aborted, which is its proper end. See `runDistributor` for what it rejects with, and
 * `loadConfig`; nothing is made or started before the configuration is read.
 */
export async function daemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  // Everything that is made from here on is the user's alone.
  process.umask(0o077);
  const config = await loadConfig(options.config ?? defaultConfigFile());
  const log = createLog({ verbose: options.verbose, unsaid: [config.address, config.imap.user] });
  for (const key of config.unused) log.warn({ event: 'config.unused', key }, 'This key is not used by this version.');
  try {
    await runDistributor(
      {
        account: accountOf(config),
        address: config.address,
        stateDirectory: options.stateDir ?? defaultStateDirectory(),
        policy: config.apps,
        keepRejected: config.keepRejected,
        ...gatewayOf(config),
        times: { pollMs: config.pollMs },
        version,
        runtime: createRuntime(log),
      },
      signal,
    );
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  }
  log.info({ event: 'daemon.ended' }, 'The distributor has ended.');
}
