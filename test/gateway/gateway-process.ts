import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Line, type LineProcess, startLineProcess } from '../../src/demo/line-process.js';
import { armorPrivateKey, generateKey } from '../../src/sender/index.js';
import { program } from '../tools/run-command.js';
import { localCertificate } from './tls-front.js';

/** What a gateway is made of, apart from its state, as it has none. */
export interface GatewaySettings {
  /** A directory of its own, which is made. */
  readonly directory: string;
  readonly publicUrl: string;
  readonly port: number;
  readonly smtp: { readonly host: string; readonly port: number };
  /** Whether it speaks HTTPS itself. */
  readonly tls: boolean;
  /** Default `push@app.example`. */
  readonly from?: string;
  /** Takes the secret and the key of another gateway, which makes it a replica of that. */
  readonly replicaOf?: string;
  /** Further lines of its section. */
  readonly more?: string;
}

/** A gateway that runs. */
export interface GatewayProcess {
  readonly pid: number;
  /** The next line of its log of this event. */
  logged(event: string): Promise<Line>;
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | NodeJS.Signals>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Writes the configuration, the secret and the key of a gateway, and returns the path of the first. */
export async function writeGatewayConfig(settings: GatewaySettings): Promise<string> {
  const {
    directory,
    publicUrl,
    port,
    smtp,
    tls,
    from = 'push@app.example',
    replicaOf = directory,
    more = '',
  } = settings;
  await mkdir(directory, { mode: 0o700 });
  const files = { secret: join(replicaOf, 'gateway.secret'), key: join(replicaOf, 'gateway.asc') };
  if (replicaOf === directory) {
    await writeFile(files.secret, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const key = await generateKey({ address: from, now: Date.now() });
    await writeFile(files.key, armorPrivateKey(key), { mode: 0o600 });
  }
  const lines = [
    '[gateway]',
    `listen = "127.0.0.1:${port}"`,
    `public_url = "${publicUrl}"`,
    `secret_file = "${files.secret}"`,
    `smtp = "smtp://${smtp.host}:${smtp.port}"`,
    `from = "${from}"`,
    `key_file = "${files.key}"`,
  ];
  if (tls) {
    // Git keeps no mode of a file.
    await copyFile(localCertificate.key, join(directory, 'tls.key'));
    await chmod(join(directory, 'tls.key'), 0o600);
    lines.push(`tls_cert_file = "${localCertificate.cert}"`, 'tls_key_file = "tls.key"');
  }
  const config = join(directory, 'gateway.toml');
  await writeFile(config, `${lines.join('\n')}\n${more}`);
  return config;
}

/** Starts `mailpush gateway`, as it is built; resolves when it listens. */
export async function startGatewayProcess(
  config: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const gateway: LineProcess = startLineProcess({
    name: 'gateway',
    args: [program, 'gateway', '--config', config],
    environment,
    from: 'stderr',
  });
  const logged = (event: string): Promise<Line> => gateway.next((line) => line.event === event);
  await logged('gateway.ready');
  return {
    pid: gateway.pid,
    logged,
    ended: gateway.ended,
    stop: () => gateway.stop(),
    kill: async () => {
      gateway.kill('SIGKILL');
      await gateway.ended;
    },
  };
}
