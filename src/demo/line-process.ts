import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MailpushError } from '../errors.js';

/** One line of JSON that a process has printed. */
export type Line = Readonly<Record<string, unknown>>;

/** How to start a {@link LineProcess}. */
export interface LineProcessOptions {
  /** What it is called in messages. */
  readonly name: string;
  /** A script for this Node, and its arguments. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where its JSON lines come from; lines that are no JSON are kept for messages. */
  readonly from: 'stdout' | 'stderr';
}

/** A child process that tells by JSON lines what happens in it. */
export interface LineProcess {
  readonly pid: number;
  /**
   * The next line that fits, those included that came before the call and no call has got yet. Rejects with
   * `ERR_PROCESS_ENDED` when the process ends first, with its last words.
   */
  next(fits: (line: Line) => boolean): Promise<Line>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  write(text: string): void;
  kill(signal: NodeJS.Signals): void;
  /** Ends it by SIGTERM, after 3 s by SIGKILL, and resolves when it is gone. */
  stop(): Promise<number | NodeJS.Signals>;
}

const graceMs = 3000;
const maxWords = 20;
const maxWordChars = 1000;
const maxUnread = 10_000;

interface Waiting {
  readonly fits: (line: Line) => boolean;
  readonly resolve: (line: Line) => void;
  readonly reject: (error: unknown) => void;
}

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a script in a Node process of its own. It never outlives this process. */
export function startLineProcess({ name, args, environment, from }: LineProcessOptions): LineProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal is for the parent, which ends its children in the right order.
    detached: true,
  });
  const unread: Line[] = [];
  const words: string[] = [];
  let waiting: Waiting[] = [];
  let isOver = false;

  function keepWords(text: string): void {
    words.push(text.slice(0, maxWordChars));
    if (words.length > maxWords) words.shift();
  }

  function take(text: string): void {
    const line = parseLine(text);
    if (line === undefined) {
      keepWords(text);
      return;
    }
    const taker = waiting.find(({ fits }) => fits(line));
    if (taker === undefined) {
      unread.push(line);
      if (unread.length > maxUnread) unread.shift();
      return;
    }
    waiting = waiting.filter((other) => other !== taker);
    taker.resolve(line);
  }

  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] }).on('line', (text) => {
      if (stream === from) take(text);
      else keepWords(text);
    });
  }
  const endedError = (): MailpushError =>
    new MailpushError('ERR_PROCESS_ENDED', `The ${name} has ended: ${words.join(' ') || 'it said nothing'}`);
  const killNow = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killNow);
  child.stdin.on('error', () => {});
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', (error) => {
      words.push(error.message);
      resolve(1);
    });
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  void ended.then(() => {
    isOver = true;
    process.removeListener('exit', killNow);
    for (const { reject } of waiting) reject(endedError());
    waiting = [];
  });

  return {
    pid: child.pid ?? 0,
    next: (fits) => {
      const index = unread.findIndex(fits);
      const [line] = index < 0 ? [] : unread.splice(index, 1);
      if (line !== undefined) return Promise.resolve(line);
      if (isOver) return Promise.reject(endedError());
      return new Promise((resolve, reject) => waiting.push({ fits, resolve, reject }));
    },
    ended,
    write: (text) => {
      child.stdin.write(text);
    },
    kill: (signal) => {
      child.kill(signal);
    },
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(killNow, graceMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}
