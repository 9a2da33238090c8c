import { type Disposition, MailpushError } from '../errors.js';

/** Codes of a {@link SieveError}. */
export type SieveErrorCode =
  /** The server could not be reached, does not answer, or went away. */
  | 'ERR_SIEVE_UNREACHABLE'
  /** The server's certificate is not trusted, or it offers no TLS where TLS is required. */
  | 'ERR_SIEVE_TLS'
  /** The server refused the login, or has no way of logging in that we know. */
  | 'ERR_SIEVE_LOGIN'
  /** What the server sent is not ManageSieve, or is more than there can be. */
  | 'ERR_SIEVE_PROTOCOL'
  /** The server refused a command or a script. */
  | 'ERR_SIEVE_REFUSED'
  /** The server has no room for another script. */
  | 'ERR_SIEVE_QUOTA'
  /** The server cannot run the rule next to the user's own script. */
  | 'ERR_SIEVE_UNSUPPORTED'
  /** The scripts on the server are not as we left them, so that they are somebody else's to change. */
  | 'ERR_SIEVE_CHANGED';

/** What went wrong between us and the server that keeps the user's Sieve scripts. */
export class SieveError extends MailpushError {
  declare readonly code: SieveErrorCode;

  constructor(code: SieveErrorCode, message: string, disposition: Disposition = 'action-required', cause?: unknown) {
    super(code, message, { disposition, cause });
  }
}

/** How much of a server's text goes into a message of ours. */
const serverTextChars = 300;

/** The server's own words, one line of printable text in brackets with a space in front; nothing if it has none. */
export function said(words: string): string {
  const printable = words.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return printable === '' ? '' : ` (it said: ${printable.slice(0, serverTextChars)})`;
}

/** The error of a server that sends what it must not. */
export function protocolError(what: string): SieveError {
  return new SieveError(
    'ERR_SIEVE_PROTOCOL',
    `The ManageSieve server ${what}: check host and port in "sieve".`,
    'rejected',
  );
}
