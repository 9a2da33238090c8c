import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describeUnless } from '../tools/describe-unless.js';
import { readJsonLines } from './json-lines.js';

/** Debian's own Python, for which python3-dbus is packaged; the one on PATH may be another. */
const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('./unified-push-app.py', import.meta.url));

/** What the app tells; see `unified-push-app.py`. */
export type AppEvent =
  | { readonly event: 'ready'; readonly name: string; readonly service: string }
  | { readonly event: 'registered'; readonly result: string; readonly reason: string }
  | { readonly event: 'failed'; readonly member: string; readonly name: string; readonly message: string }
  | { readonly event: 'endpoint'; readonly token: string; readonly endpoint: string }
  | {
      readonly event: 'message';
      readonly token: string;
      readonly id: string;
      /** Base64. */
      readonly data: string;
      readonly accepted: boolean;
    }
  | { readonly event: 'unregistered'; readonly token: string }
  | { readonly event: 'disconnected' };

/** What the app does when told. */
export type AppCommand =
  | { readonly command: 'register' | 'unregister' | 'release' | 'quit' }
  | { readonly command: 'refuse'; readonly count: number }
  | { readonly command: 'silent'; readonly value: boolean };

/** Options of the app; see its `--help`. */
export interface PythonAppOptions {
  readonly protocol: 1 | 2;
  readonly token: string;
  readonly service?: string;
  readonly distributor?: string;
  readonly description?: string;
  readonly vapid?: string;
  readonly sender?: string;
  readonly refuse?: number;
  readonly silent?: boolean;
  readonly emptyReply?: boolean;
  readonly noRegister?: boolean;
  readonly lateObjectMs?: number;
  readonly quitAfter?: number;
}

/** A running app. */
export interface PythonApp {
  /** The first event of this kind that was not asked for yet, now or when it comes; rejects when the app ends before. */
  next<K extends AppEvent['event']>(event: K): Promise<Extract<AppEvent, { event: K }>>;
  /** The events that came and were not asked for. */
  readonly unread: readonly AppEvent[];
  send(command: AppCommand): void;
  /** Resolves when the app has ended. */
  readonly ended: Promise<void>;
  /** Ends the app and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Why tests with the app cannot run here, and how to change that; undefined when they can. */
export function pythonAppMissing(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import dbus, gi'], { stdio: 'ignore' });
  if (status === 0) return undefined;
  return 'The app in Python needs python3-dbus and python3-gi for /usr/bin/python3: run scripts/test-servers.';
}

/**
 * `describe` for tests with the app. Without python3-dbus they are left out and the reason is printed;
 * `MAILPUSH_TEST_SERVERS=all` makes that a failure.
 */
export function describeWithPythonApp(name: string, tests: () => void): void {
  describeUnless(pythonAppMissing(), name, tests);
}

/** Starts the app on the bus at `busAddress`; it ends with this process at the latest. */
export async function startPythonApp(busAddress: string, options: PythonAppOptions): Promise<PythonApp> {
  const child = spawn(python, [script, ...commandLine(options)], {
    env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: busAddress },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  const exited = once(child, 'close').then(() => {});
  const app = wrapApp(child.stdout, child.stdin, exited, () => complaint);
  await app.next('ready');
  return {
    ...app,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** An app that the bus starts when its name is called. */
export interface InstalledPythonApp {
  /** The next app that the bus starts. */
  started(): Promise<PythonApp>;
  /** Takes no more apps; those that run end. */
  close(): Promise<void>;
}

/**
 * Makes the app's name activatable. The bus reads service files when a name is not found, so nothing has to be reloaded.
 *
 * @param directory - where the socket over which started apps speak is put.
 * @param serviceDirectory - the bus's directory of service files.
 */
export async function installPythonApp(
  directory: string,
  serviceDirectory: string,
  options: PythonAppOptions & { readonly service: string },
): Promise<InstalledPythonApp> {
  const control = join(directory, `${options.service}.control`);
  const waiting: PythonApp[] = [];
  const sockets = new Set<Socket>();
  let wake = (): void => {};
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const ended = once(socket, 'close').then(() => {
      sockets.delete(socket);
    });
    waiting.push(wrapApp(socket, socket, ended, () => ''));
    wake();
  });
  await new Promise<void>((resolve) => {
    server.listen(control, resolve);
  });
  const exec = [python, script, '--control', control, ...commandLine(options)].map(quote).join(' ');
  const file = join(serviceDirectory, `${options.service}.service`);
  await writeFile(file, `[D-BUS Service]\nName=${options.service}\nExec=${exec}\n`);
  return {
    started: async () => {
      for (;;) {
        const app = waiting.shift();
        if (app !== undefined) {
          await app.next('ready');
          return app;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close: async () => {
      // The end of its input ends the app.
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function wrapApp(output: Readable, input: Writable, ended: Promise<void>, complaint: () => string): PythonApp {
  const unread: AppEvent[] = [];
  let wake: (() => void)[] = [];
  let isOver = false;
  const wakeAll = (): void => {
    for (const one of wake.splice(0)) one();
  };
  input.on('error', () => {});
  const read = readJsonLines(output, (value) => {
    unread.push(value as AppEvent);
    wakeAll();
  }).catch(() => {});
  void Promise.all([read, ended]).then(() => {
    isOver = true;
    wakeAll();
  });
  return {
    unread,
    ended,
    next: async <K extends AppEvent['event']>(event: K) => {
      for (;;) {
        const index = unread.findIndex((one) => one.event === event);
        if (index >= 0) return unread.splice(index, 1)[0] as Extract<AppEvent, { event: K }>;
        if (isOver) throw new Error(`The app ended before "${event}". ${complaint()}`);
        await new Promise<void>((resolve) => {
          wake = [...wake, resolve];
        });
      }
    },
    send: (command) => {
      input.write(`${JSON.stringify(command)}\n`);
    },
    stop: async () => {
      input.destroy();
      await ended;
    },
  };
}

function commandLine(options: PythonAppOptions): string[] {
  const flags: [string, string | number | boolean | undefined][] = [
    ['--protocol', options.protocol],
    ['--token', options.token],
    ['--service', options.service],
    ['--distributor', options.distributor],
    ['--description', options.description],
    ['--vapid', options.vapid],
    ['--sender', options.sender],
    ['--refuse', options.refuse],
    ['--silent', options.silent],
    ['--empty-reply', options.emptyReply],
    ['--no-register', options.noRegister],
    ['--late-object', options.lateObjectMs],
    ['--quit-after', options.quitAfter],
  ];
  return flags.flatMap(([flag, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [flag] : [`${flag}=${value}`];
  });
}

/** Service files split their command line as a shell does (D-Bus specification, Message Bus Starting Services). */
function quote(word: string): string {
  return `"${word.replaceAll(/["\\$`]/g, '\\$&')}"`;
}
