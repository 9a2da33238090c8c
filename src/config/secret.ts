import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { ConfigError } from './errors.js';

/** A helper may ask the user to unlock a keyring; longer than this nobody is there. */
const commandMs = 60_000;
const maxSecretBytes = 16_384;

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

/**
 * The first line of what a shell command prints.
 *
 * @param key the configuration key that holds the command, for the message.
 * @throws ConfigError `ERR_CONFIG_SECRET` when the command fails, takes over 60 s, or prints nothing.
 */
export async function runSecretCommand(key: string, command: string, signal: AbortSignal): Promise<string> {
  const output = await new Promise<string>((resolve, reject) => {
    const options = { timeout: commandMs, maxBuffer: maxSecretBytes, signal };
    execFile('/bin/sh', ['-c', command], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      // The error's own text repeats the command, which may hold a secret.
      else
        reject(
          new ConfigError(
            'ERR_CONFIG_SECRET',
            `The command in ${key} failed (${String(error.code ?? 'no exit code')}): run it by hand and look.`,
          ),
        );
    });
  });
  const secret = firstLine(output);
  if (secret === '')
    throw new ConfigError('ERR_CONFIG_SECRET', `The command in ${key} printed nothing: run it by hand and look.`);
  return secret;
}

/**
 * The first line of a file that only its owner can read.
 *
 * @throws ConfigError `ERR_CONFIG_SECRET` when it is missing, empty, or open to others.
 */
export async function readSecretFile(key: string, path: string): Promise<string> {
  let text: string;
  let mode: number;
  try {
    await using file = await open(path, 'r');
    mode = (await file.stat()).mode;
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxSecretBytes) });
    text = buffer.toString('utf8', 0, bytesRead);
  } catch (cause) {
    throw new ConfigError('ERR_CONFIG_SECRET', `${path} (${key}) cannot be read: check the path.`, cause);
  }
  if ((mode & 0o077) !== 0) {
    throw new ConfigError('ERR_CONFIG_SECRET', `${path} (${key}) can be read by others: run chmod 600 on it.`);
  }
  const secret = firstLine(text);
  if (secret === '')
    throw new ConfigError('ERR_CONFIG_SECRET', `${path} (${key}) is empty: write the password into its first line.`);
  return secret;
}
