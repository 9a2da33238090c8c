import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Bus, connectBus } from '../../src/dbus/index.js';
import { type MailServer, type MailServerOptions, startMailServer } from '../../src/demo/mail-server.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import { type RunningCommand, startCommand } from '../tools/run-command.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';

/** The user whose mailbox it is. */
export const user = { address: 'alice@example.org', password: 'correct horse battery' } as const;

/** The bus name of the daemon. */
export const daemonName = 'org.unifiedpush.Distributor.mailpush';

/** How a daemon is started, where it is not as always. */
export interface DaemonStart {
  /** The whole file instead of the usual one. */
  readonly config?: string;
  readonly stateDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly more?: readonly string[];
  readonly before?: string;
}

/** What a daemon needs around it, for one test; everything ends with the test. */
export interface DaemonSetting {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly bus: PrivateBus;
  /** Starts `mailpush daemon`. */
  start(options?: DaemonStart): Promise<RunningCommand>;
}

/** The configuration for a mail server on this machine. */
export function configFor(port: number, more = ''): string {
  const imap = `imap://${encodeURIComponent(user.address)}@127.0.0.1:${port}`;
  return `[account]\naddress = "${user.address}"\nimap = "${imap}"\npassword_file = "password"\n${more}`;
}

/** Makes a bus, a folder with a configuration for the mail server at this port, and its password file. */
export async function daemonSetting(imapPort: number): Promise<DaemonSetting> {
  const directory = await temporaryDirectory();
  const stateDirectory = join(directory, 'state/of/the daemon');
  await writeFile(join(directory, 'password'), `${user.password}\n`, { mode: 0o600 });
  const bus = await startPrivateBus({ directory: join(directory, 'bus') });
  onTestFinished(() => bus.stop());
  let configs = 0;
  return {
    directory,
    stateDirectory,
    bus,
    start: async (options = {}) => {
      configs += 1;
      const config = join(directory, `config-${configs}.toml`);
      await writeFile(config, options.config ?? configFor(imapPort));
      const args = ['daemon', '--config', config, '--state-dir', options.stateDirectory ?? stateDirectory];
      const environment = { HOME: directory, DBUS_SESSION_BUS_ADDRESS: bus.address, ...options.environment };
      const { more = [], before } = options;
      return startCommand([...args, ...more], { environment, ...(before === undefined ? {} : { before }) });
    },
  };
}

/** The embedded mail server, for one test. */
export async function mailServer(options: Partial<MailServerOptions> = {}): Promise<MailServer> {
  const server = await startMailServer({ users: [user], ...options });
  onTestFinished(() => server.stop());
  return server;
}

/** A connection to the bus, for one test. */
export async function busClient({ bus }: Pick<DaemonSetting, 'bus'>): Promise<Bus> {
  const client = await connectBus({ address: bus.address });
  onTestFinished(() => client.close());
  return client;
}

/** Every log line of this event that was written so far. */
export function logged(stderr: string, event: string): Record<string, unknown>[] {
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);
}

/** Resolves when the daemon has logged this event. */
export async function untilLogged(daemon: RunningCommand, event: string): Promise<void> {
  await daemon.said('stderr', new RegExp(`"event":"${event.replaceAll('.', '\\.')}"`));
}

/** A server that takes connections and never says a word, for one test. */
export async function silentServer(place: { path: string } | { port: 0 } = { port: 0 }): Promise<{
  readonly port: number;
  /** Resolves with the first connection. */
  readonly connection: Promise<Socket>;
}> {
  const server: Server = createServer();
  const connection = once(server, 'connection').then(([socket]) => (socket as Socket).on('error', () => {}));
  server.listen('port' in place ? { port: 0, host: '127.0.0.1' } : place);
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await Promise.race([connection.then((socket) => socket.destroy()), once(server, 'close')]);
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, connection };
}
