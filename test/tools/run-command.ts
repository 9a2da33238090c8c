import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The program as `npm run build` makes it. */
export const program: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** How to start a command. */
export interface CommandOptions {
  /**
   * Its environment, apart from PATH: nothing else is taken over but the system bus, which is none, so that no test depends on
   * who runs it. A command needs a HOME of its own as soon as it may write something.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** What it gets on standard input, which then ends. Default: nothing; null leaves it open. */
  readonly input?: string | Uint8Array | null;
  readonly directory?: string;
  /** A line of shell to run first, such as `umask 0`. */
  readonly before?: string;
}

/** How a command has ended, and all that it said. */
export interface Ended {
  /** The exit code, or the signal that killed it. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface RunningCommand {
  readonly pid: number;
  /** Resolves as soon as what it has said fits, from its start on; rejects when it ends without having said so. */
  said(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** Starts a program, by default in an empty environment. It is killed when the running test ends, if it still runs. */
export function startProgram(
  file: string,
  args: readonly string[],
  { environment = {}, input = '', directory }: Omit<CommandOptions, 'before'> = {},
): RunningCommand {
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH, DBUS_SYSTEM_BUS_ADDRESS: process.env.DBUS_SYSTEM_BUS_ADDRESS, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  const text = { stdout: '', stderr: '' };
  const checks = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      text[stream] += chunk;
      for (const check of checks) check();
    });
  }
  child.stdin.on('error', () => {}); // it may end without having read all
  if (input !== null) child.stdin.end(input);
  const killNow = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killNow);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ ...text, code: code ?? signal ?? 'SIGKILL' }));
  }).finally(() => process.removeListener('exit', killNow));
  ended.catch(() => {});
  onTestFinished(async () => {
    killNow();
    await ended.catch(() => {});
  });
  return {
    pid: child.pid ?? 0,
    said: (stream, pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = pattern.exec(text[stream]);
          if (match === null) return;
          checks.delete(check);
          resolve(match);
        };
        checks.add(check);
        check();
        const tooLate = (): void => reject(new Error(`It never said ${pattern}, but: ${text.stdout}\n${text.stderr}`));
        ended.then(tooLate, tooLate);
      }),
    kill: (signal) => {
      child.kill(signal);
    },
    ended,
  };
}

/** Starts `mailpush` with these arguments. */
export function startCommand(args: readonly string[], { before, ...options }: CommandOptions = {}): RunningCommand {
  const words = [program, ...args];
  return before === undefined
    ? startProgram(process.execPath, words, options)
    : startProgram('/bin/sh', ['-c', `${before}; exec "$0" "$@"`, process.execPath, ...words], options);
}

/** Runs `mailpush` with these arguments to its end. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  return await startCommand(args, options).ended;
}
