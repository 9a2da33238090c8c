import { spawn } from 'node:child_process';

/** A program may ask the user to unlock a keyring; longer than this nobody is there. */
const commandMs = 60_000;
const maxOutputBytes = 16_384;

/** The first line of a command's output, or what went wrong, as the end of a sentence that begins with the key. */
export type CommandSecret = { readonly secret: string } | { readonly problem: string };

type End = { readonly output: string } | { readonly why: string };

/**
 * Runs the command in a process group of its own, so that ending it ends everything that it has started. What it says on
 * standard error is not kept: nobody knows what is in there.
 */
function run(command: string, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (end: End): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(end);
    };
    const kill = (why: string): void => {
      child.stdout.destroy();
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended in the meantime.
      }
      settle({ why });
    };
    const abort = (): void => kill('interrupted');
    const timer = setTimeout(() => kill(`no end after ${commandMs / 1000} s`), commandMs);
    signal.addEventListener('abort', abort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxOutputBytes) kill(`over ${maxOutputBytes} bytes`);
    });
    child.once('error', (error: NodeJS.ErrnoException) => settle({ why: error.code ?? 'no shell' }));
    child.once('close', (code, killedBy) => {
      settle(code === 0 ? { output: Buffer.concat(chunks).toString('utf8') } : { why: `exit ${code ?? killedBy}` });
    });
  });
}

/**
 * The first line of what a shell command prints. Without standard input, for 60 s at most. Neither the command nor what it
 * prints is ever part of the problem: both may hold the secret.
 */
export async function runSecretCommand(command: string, signal: AbortSignal): Promise<CommandSecret> {
  if (signal.aborted) return { problem: 'was not run: start it again' };
  if (command.includes('\0')) return { problem: 'has a zero byte in it: remove it' };
  const end = await run(command, signal);
  if ('why' in end) return { problem: `failed (${end.why}): run the command by hand and look` };
  const [secret = ''] = end.output.split(/\r?\n/, 1);
  return secret === '' ? { problem: 'gave nothing: run the command by hand and look' } : { secret };
}
