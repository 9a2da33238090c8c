import { dirname } from 'node:path';
import { ConfigError } from './errors.js';
import { resolvePath } from './paths.js';
import type { ConfigFile } from './schema.js';
import { runSecretCommand } from './secret-command.js';
import { readSecretFile } from './secret-file.js';

/** Proves who the user is: a password, or an OAuth 2 access token. */
export type Secret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

/** Gets the secret; asked anew at every login. Rejects with a ConfigError `ERR_CONFIG_SECRET`. */
export type GetSecret = (signal: AbortSignal) => Promise<Secret>;

const ways = ['password_command', 'password_file', 'token_command'] as const;

/**
 * The first line of what a command prints.
 *
 * @param key that holds the command, such as `account.password_command`.
 * @throws ConfigError `ERR_CONFIG_SECRET`.
 */
export async function secretFromCommand(
  key: string,
  command: string,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  const result = await runSecretCommand(command, signal);
  if ('problem' in result) throw new ConfigError('ERR_CONFIG_SECRET', `${file}: ${key} ${result.problem}.`);
  return result.secret;
}

/**
 * The first line of a private file.
 *
 * @param key that names the file, such as `account.password_file`.
 * @throws ConfigError `ERR_CONFIG_SECRET`.
 */
export async function secretFromFile(key: string, path: string, file: string): Promise<string> {
  const resolved = resolvePath(path, dirname(file));
  const result = await readSecretFile(resolved);
  if ('problem' in result) {
    const sentence = `${file}: ${key} names ${resolved}, ${result.problem}.`;
    throw new ConfigError('ERR_CONFIG_SECRET', sentence, result.cause);
  }
  return result.secret;
}

/**
 * The one way to the secret that is configured. A file is looked at now, so that a mistake shows before anything is started;
 * a command is not run: it may need the network, or a keyring that is not unlocked yet.
 *
 * @throws ConfigError `ERR_CONFIG_KEY` when there is none or more than one, `ERR_CONFIG_SECRET` for the file.
 */
export async function credentialsOf(account: NonNullable<ConfigFile['account']>, file: string): Promise<GetSecret> {
  const [way, second] = ways.filter((key) => account[key] !== undefined);
  if (way === undefined) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.password_command is missing: add it, or password_file or token_command.`,
    );
  }
  if (second !== undefined) {
    throw new ConfigError('ERR_CONFIG_KEY', `${file}: account.${second} is one too many: keep either it or ${way}.`);
  }
  const key = `account.${way}`;
  const value = account[way] ?? '';
  switch (way) {
    case 'password_command':
      return async (signal) => ({ kind: 'password', password: await secretFromCommand(key, value, file, signal) });
    case 'token_command':
      return async (signal) => ({ kind: 'token', token: await secretFromCommand(key, value, file, signal) });
    case 'password_file':
      await secretFromFile(key, value, file);
      return async () => ({ kind: 'password', password: await secretFromFile(key, value, file) });
  }
}
