import { parse, TomlError } from 'smol-toml';
import { readBounded } from './bounded-file.js';
import { ConfigError } from './errors.js';

/** Nobody writes a longer configuration; a device or a mailbox named by mistake is. */
const maxFileBytes = 262_144;

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'is not there: create it (docs/configuration.md shows one), or name another with --config',
  EACCES: 'must not be read by this user: change its permissions, or name another with --config',
  EISDIR: 'is a folder: name the file in it with --config',
};

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readBounded(file, maxFileBytes + 1);
  } catch (cause) {
    const remedy = remedies[(cause as { code?: string }).code ?? ''] ?? 'cannot be read: name another with --config';
    throw new ConfigError('ERR_CONFIG_FILE', `${file} ${remedy}.`, cause);
  }
}

/**
 * Reads a TOML file (TOML 1.0, UTF-8, at most 256 KiB).
 *
 * @throws ConfigError `ERR_CONFIG_FILE` or `ERR_CONFIG_SYNTAX`, with line and column but nothing of what stands there.
 */
export async function readTomlFile(file: string): Promise<unknown> {
  const bytes = await readBytes(file);
  if (bytes.length > maxFileBytes) {
    throw new ConfigError('ERR_CONFIG_FILE', `${file} is too large for a configuration: name another with --config.`);
  }
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError('ERR_CONFIG_SYNTAX', `${file} is not UTF-8: save it in that encoding.`);
  }
  try {
    return parse(source);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The rest of the library's message, and so the error itself, repeats the lines around: a password may be in them.
    const [reason = ''] = cause.message.replace(/^Invalid TOML document: /, '').split('\n', 1);
    throw new ConfigError(
      'ERR_CONFIG_SYNTAX',
      `${file} is not valid TOML at line ${cause.line}, column ${cause.column} (${reason}): correct it there.`,
    );
  }
}
