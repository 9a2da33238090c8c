import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MailpushError } from '../errors.js';

/** A `dbus-daemon` of our own, apart from the user's session bus. */
export interface PrivateBus {
  /** What goes into `DBUS_SESSION_BUS_ADDRESS`. */
  readonly address: string;
  /** The process id of the `dbus-daemon`. */
  readonly pid: number;
  /** Ends the bus and resolves when its process is gone; may be called again. */
  stop(): Promise<void>;
}

/** Options of {@link startPrivateBus}. */
export interface PrivateBusOptions {
  /** Directory for the socket and the configuration, made if missing; nobody else may be able to enter it. */
  readonly directory: string;
  /** Directory of the `.service` files of activatable names, read when a name is asked for. Default: `services` in `directory`. */
  readonly serviceDirectory?: string;
  /** To how many calls a connection may wait for the reply. Default 50 000, as on a session bus. */
  readonly repliesPerConnection?: number;
  /** Aborting it ends a start that is under way, and a bus that runs. */
  readonly signal?: AbortSignal;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** `sun_path` of unix(7) holds 108 bytes, the last of them zero. */
const maxSocketPathBytes = 107;
const startTimeoutMs = 10_000;
/** A dbus-daemon ends within milliseconds of SIGTERM. */
const stopGraceMs = 2000;
const maxOutputChars = 8192;

/**
 * Starts a private session bus on a unix socket inside `directory` and resolves when it takes connections. The bus ends
 * with {@link PrivateBus.stop}, and also when this process ends in whatever way.
 *
 * Rejects with `ERR_DBUS_DAEMON_MISSING` when `dbus-daemon` is not installed, `ERR_BUS_DIRECTORY` when the directory
 * does not fit (too long a path, open to others) and `ERR_BUS_START` when the daemon does not come up.
 */
export async function startPrivateBus(options: PrivateBusOptions): Promise<PrivateBus> {
  const { directory, signal } = options;
  signal?.throwIfAborted();
  const socket = join(directory, 'bus');
  if (Buffer.byteLength(socket) > maxSocketPathBytes) {
    throw new MailpushError(
      'ERR_BUS_DIRECTORY',
      `Choose a shorter directory for the private bus: a socket path may have ${maxSocketPathBytes} bytes at most.`,
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const facts = await lstat(directory);
  if (!facts.isDirectory() || (facts.mode & 0o077) !== 0) {
    throw new MailpushError(
      'ERR_BUS_DIRECTORY',
      'Give the private bus a directory that nobody else can enter (chmod 0700).',
    );
  }
  const serviceDirectory = options.serviceDirectory ?? join(directory, 'services');
  await mkdir(serviceDirectory, { recursive: true, mode: 0o700 });
  const config = join(directory, 'bus.conf');
  await writeFile(config, busConfig(socket, serviceDirectory, options.repliesPerConnection ?? 50_000), { mode: 0o600 });

  // Detached: Ctrl-C in a terminal must not end the bus before those who still use it.
  const child = spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--nosyslog', '--print-address=1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const killNow = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', killNow);
  const stopGuard = guardAgainstOurDeath(child.pid);
  const stop = async (): Promise<void> => {
    stopGuard();
    signal?.removeEventListener('abort', killNow);
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    await exited;
    clearTimeout(timer);
    process.removeListener('exit', killNow);
  };
  signal?.addEventListener('abort', killNow, { once: true });
  try {
    const address = await printedAddress(child);
    void exited.then(() => {
      stopGuard();
      process.removeListener('exit', killNow);
    });
    return { address, pid: child.pid ?? 0, stop };
  } catch (error) {
    await stop();
    signal?.throwIfAborted();
    throw error;
  }
}

/** The limits are those of a session bus; the built-in ones are far lower. */
function busConfig(socket: string, serviceDirectory: string, repliesPerConnection: number): string {
  const address = `unix:path=${escapeAddress(socket)}`;
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>${escapeXml(address)}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>${escapeXml(serviceDirectory)}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_message_size">134217728</limit>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">${repliesPerConnection}</limit>
  <limit name="service_start_timeout">20000</limit>
</busconfig>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Everything but the "optionally-escaped" bytes becomes `%xx` (D-Bus specification, Server Addresses). */
function escapeAddress(path: string): string {
  return Array.from(Buffer.from(path), (byte) => {
    const char = String.fromCharCode(byte);
    return /[-0-9A-Za-z_/.\\*]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** `process.on('exit')` does not run on SIGKILL; a shell that waits for the end of our pipe does. */
function guardAgainstOurDeath(pid: number | undefined): () => void {
  if (pid === undefined) return () => {};
  const guard = spawn('/bin/sh', ['-c', 'read _; kill -9 "$1"', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  guard.unref();
  return () => guard.kill('SIGKILL');
}

function printedAddress(child: Child): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    let complaint = '';
    const timer = setTimeout(() => {
      reject(new MailpushError('ERR_BUS_START', 'dbus-daemon did not print its address in time; run it by hand.'));
    }, startTimeoutMs);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(0, maxOutputChars);
      const end = output.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(output.slice(0, end).trim());
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-maxOutputChars);
    });
    child.once('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(
        cause.code === 'ENOENT'
          ? new MailpushError(
              'ERR_DBUS_DAEMON_MISSING',
              'Install dbus-daemon (Debian: apt install dbus-daemon), then try again.',
              { cause, disposition: 'action-required' },
            )
          : new MailpushError('ERR_BUS_START', 'dbus-daemon could not be started; run it by hand.', { cause }),
      );
    });
    child.once('close', () => {
      clearTimeout(timer);
      const words = complaint.trim().split('\n').at(-1) ?? '';
      reject(new MailpushError('ERR_BUS_START', `dbus-daemon ended before it was ready: ${words}`));
    });
  });
}
