import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** A folder of the XDG Base Directory Specification; relative values count as unset, as it demands. */
function xdg(environment: Environment, variable: string, fallback: string): string {
  const value = environment[variable];
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}

/** `$XDG_CONFIG_HOME/mailpush/config.toml`. */
export function defaultConfigFile(environment: Environment = process.env): string {
  return join(xdg(environment, 'XDG_CONFIG_HOME', '.config'), 'mailpush', 'config.toml');
}

/** `$XDG_STATE_HOME/mailpush`. */
export function defaultStateDirectory(environment: Environment = process.env): string {
  return join(xdg(environment, 'XDG_STATE_HOME', '.local/state'), 'mailpush');
}

/** A path as written in the configuration: `~/` is the home folder, anything relative is relative to the file's own folder. */
export function resolvePath(path: string, folder: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(folder, path);
}
