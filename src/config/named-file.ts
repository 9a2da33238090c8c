import { dirname } from 'node:path';
import { ConfigError } from './errors.js';
import { resolvePath } from './paths.js';
import { readPrivateFile } from './private-file.js';

/** A key has less than 1 KB, a list of secrets too. */
const maxFileBytes = 65_536;

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What a key of the section `[gateway]` names. */
export interface NamedFile {
  /** Such as `gateway.secret_file`. */
  readonly key: string;
  /** As written; relative to the folder of the configuration. */
  readonly path: string;
  /** The configuration. */
  readonly file: string;
}

/** The error about a named file, as the end of a sentence that begins with it. */
export function fileError({ key, path, file }: NamedFile, problem: string, cause?: unknown): ConfigError {
  const resolved = resolvePath(path, dirname(file));
  return new ConfigError('ERR_CONFIG_SECRET', `${file}: ${key} names ${resolved}, ${problem}.`, cause);
}

/**
 * What stands in a private file.
 *
 * @param command that makes the file, from its path.
 * @throws ConfigError `ERR_CONFIG_SECRET`.
 */
export async function readNamedFile(named: NamedFile, command?: (path: string) => string): Promise<string> {
  const resolved = resolvePath(named.path, dirname(named.file));
  const read = await readPrivateFile(resolved, maxFileBytes);
  if ('text' in read) return read.text;
  if (command === undefined || read.isMissing !== true) throw fileError(named, read.problem, read.cause);
  throw fileError(named, `which is not there: run \`${command(shellWord(resolved))}\` to make it`, read.cause);
}
