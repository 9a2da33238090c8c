import { MailpushError } from '../errors.js';

/** Codes of a {@link ConfigError}. */
export type ConfigErrorCode =
  /** The file is not there or cannot be read. */
  | 'ERR_CONFIG_FILE'
  /** It is not TOML. */
  | 'ERR_CONFIG_SYNTAX'
  /** A key is unknown, missing, or has a value that it cannot have. */
  | 'ERR_CONFIG_KEY'
  /** A password or certificate that the configuration points to cannot be had. */
  | 'ERR_CONFIG_SECRET';

/** Far more than any sentence here; only a file name or a key that somebody made up can be longer. */
const maxMessageChars = 2000;

/**
 * What is wrong with the configuration; the message names file, key and remedy in one line. Keys and paths in it come from
 * a file, so whatever could move a terminal's cursor is left out.
 */
export class ConfigError extends MailpushError {
  declare readonly code: ConfigErrorCode;

  constructor(code: ConfigErrorCode, message: string, cause?: unknown) {
    super(code, message.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, maxMessageChars), {
      disposition: 'action-required',
      cause,
    });
  }
}
