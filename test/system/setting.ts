import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Line, type LineProcess, startLineProcess } from '../../src/demo/line-process.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import { createSender, generateKey, type Sender } from '../../src/sender/index.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';

/** The command `mailpush`, as it is built. */
export const daemonCommand: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A running daemon. */
export interface Daemon {
  readonly pid: number;
  /** The next log line of this event, of this endpoint's channel if one is given; see `LineProcess.next`. */
  logged(event: string, endpoint?: string): Promise<Line>;
  /** The next log line of this event about a message. */
  loggedOf(event: string, uid: number): Promise<Line>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | NodeJS.Signals>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** How a daemon is started, where it is not as always. */
export interface DaemonStart {
  readonly offline?: boolean;
  /** Whether it logs more than people need. */
  readonly verbose?: boolean;
  /** In addition to the session bus; there is no system bus unless it is given here. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Everything but the app: a mail server, a bus of its own, the packed daemon, and an app server. */
export interface Setting {
  readonly server: TestMailServer;
  readonly bus: PrivateBus;
  readonly directory: string;
  readonly serviceDirectory: string;
  /** The app server `push@app.example`. */
  readonly sender: Sender;
  /** Starts the daemon on the same state as before; resolves when it has its name and, unless it is `offline`, its mailbox. */
  startDaemon(options?: DaemonStart): Promise<Daemon>;
  /** Another app server, with a key of its own. */
  anotherSender(from: string): Promise<Sender>;
  /** How many pushes these app servers have sent one by one. */
  pushesSent(): number;
  stop(): Promise<void>;
}

const isEvent =
  (event: string) =>
  (line: Line): boolean =>
    line.event === event;

/** The channel in a `mailto:` endpoint. */
export function channelOf(endpoint: string): string {
  const channel = /c%3D([\w-]{27})/.exec(endpoint)?.[1];
  if (channel === undefined) throw new Error('This endpoint names no channel.');
  return channel;
}

const schemes = { tls: 'imaps', starttls: 'imap+starttls', plain: 'imap' } as const;

/** Writes `config.toml` and the file with the password into a directory, and returns the path of the former. */
export async function writeConfig(
  directory: string,
  { imap, address }: Pick<TestMailServer, 'imap' | 'address'>,
  more = '',
): Promise<string> {
  const file = join(directory, 'config.toml');
  const url = `${schemes[imap.security]}://${encodeURIComponent(imap.user)}@${imap.host}:${imap.port}`;
  const lines = [
    '[account]',
    `address = "${address}"`,
    `imap = "${url}"`,
    'password_file = "password"',
    ...(imap.ca === undefined ? [] : [`ca_file = "${imap.ca}"`]),
    ...(imap.pollSeconds === undefined ? [] : [`poll_seconds = ${imap.pollSeconds}`]),
  ];
  await writeFile(join(directory, 'password'), `${imap.password}\n`, { mode: 0o600 });
  await writeFile(file, `${lines.join('\n')}\n${more}`);
  return file;
}

/** Sets the stage around a mail server; `more` is added to the section `[account]`. */
export async function createSetting(server: TestMailServer, more = ''): Promise<Setting> {
  const directory = await makeTemporaryDirectory();
  const config = await writeConfig(directory.path, server, more);
  const serviceDirectory = join(directory.path, 'services');
  const bus = await startPrivateBus({ directory: join(directory.path, 'bus'), serviceDirectory });
  const noBus = `unix:path=${join(directory.path, 'no-system-bus')}`;
  const senders: Sender[] = [];
  const daemons = new Set<LineProcess>();
  let pushesSent = 0;

  async function anotherSender(from: string): Promise<Sender> {
    const key = await generateKey({ address: from, now: Date.now() });
    const { host, port } = server.smtp;
    const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key });
    senders.push(sender);
    return {
      ...sender,
      send: async (...push) => {
        const receipt = await sender.send(...push);
        pushesSent += 1;
        return receipt;
      },
    };
  }

  async function startDaemon({ offline, verbose, environment = {} }: DaemonStart = {}): Promise<Daemon> {
    const more = verbose === true ? ['--verbose'] : [];
    const daemon = startLineProcess({
      name: 'daemon',
      args: [daemonCommand, 'daemon', '--config', config, '--state-dir', join(directory.path, 'state'), ...more],
      environment: { DBUS_SESSION_BUS_ADDRESS: bus.address, DBUS_SYSTEM_BUS_ADDRESS: noBus, ...environment },
      from: 'stderr',
    });
    daemons.add(daemon);
    await daemon.next(isEvent('daemon.ready'));
    if (offline !== true) await daemon.next(isEvent('imap.connected'));
    return {
      pid: daemon.pid,
      logged: (event, endpoint) => {
        const channel = endpoint === undefined ? undefined : channelOf(endpoint).slice(0, 6);
        return daemon.next((line) => line.event === event && (channel === undefined || line.channel === channel));
      },
      loggedOf: (event, uid) => daemon.next((line) => line.event === event && line.uid === uid),
      ended: daemon.ended,
      stop: () => daemon.stop(),
      kill: async () => {
        daemon.kill('SIGKILL');
        await daemon.ended;
      },
    };
  }

  return {
    server,
    bus,
    directory: directory.path,
    serviceDirectory,
    sender: await anotherSender('push@app.example'),
    startDaemon,
    anotherSender,
    pushesSent: () => pushesSent,
    stop: async () => {
      await Promise.allSettled([...senders.map((sender) => sender.close()), ...[...daemons].map((d) => d.stop())]);
      await bus.stop();
      await directory.remove();
    },
  };
}
