import { type Disposition, MailpushError } from '../errors.js';

/** Codes of an {@link ImapError}. */
export type ImapErrorCode =
  /** The server refused the login. */
  | 'ERR_IMAP_LOGIN'
  /** The server could not be reached, or does not answer. */
  | 'ERR_IMAP_UNREACHABLE'
  /** The server's certificate is not trusted, or it offers no TLS where TLS is required. */
  | 'ERR_IMAP_TLS'
  /** The connection went away while a command was running, or there is none at the moment. */
  | 'ERR_IMAP_LOST'
  /** The folder cannot be opened. */
  | 'ERR_IMAP_FOLDER'
  /** The server refused a command it should understand. */
  | 'ERR_IMAP_REFUSED';

/** What went wrong between us and the mail server. */
export class ImapError extends MailpushError {
  declare readonly code: ImapErrorCode;
}

/** How much of a server's text goes into a message of ours. */
const serverTextChars = 200;

/** The properties by which the IMAP library, and Node below it, tell what happened; each may be missing. */
interface LibraryError {
  readonly authenticationFailed?: boolean;
  readonly serverResponseCode?: unknown;
  readonly response?: unknown;
  readonly responseText?: unknown;
  /** What the server said in its BYE. */
  readonly reason?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** Response codes of RFC 5530 that say "not now" about a login or a folder, rather than "wrong". */
const passingCodes = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'THROTTLED']);

/** Codes of Node and of the library for a server that talks no TLS at all on this port. */
const notTls = /^(ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|EPROTO)$/;

const untrusted =
  /^(ERR_TLS_|ERR_SSL_|CERT_|CRL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|STARTTLS_INJECTION)/;

function libraryError(cause: unknown): LibraryError {
  return typeof cause === 'object' && cause !== null ? cause : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The server's own words, one line of printable ASCII. */
function serverText(error: LibraryError): string {
  const words = text(error.response) || text(error.responseText) || text(error.reason);
  const printable = words.replace(/[^\x20-\x7e]+/g, ' ').trim();
  return printable === '' ? '' : ` (it said: ${printable.slice(0, serverTextChars)})`;
}

function isPassing(error: LibraryError): boolean {
  return passingCodes.has(text(error.serverResponseCode).toUpperCase());
}

/**
 * Turns whatever the IMAP library threw while connecting into an {@link ImapError}.
 *
 * @param host named in the message, so that a wrong setting is seen at once.
 */
export function connectError(cause: unknown, host: string): ImapError {
  const error = libraryError(cause);
  const code = text(error.code);
  const failed = (kind: ImapErrorCode, message: string, disposition: Disposition): ImapError =>
    new ImapError(kind, message, { cause, disposition });

  if (error.authenticationFailed === true && code !== 'NoConnection') {
    if (isPassing(error)) {
      return failed('ERR_IMAP_UNREACHABLE', `${host} takes no logins at the moment${serverText(error)}.`, 'transient');
    }
    return failed(
      'ERR_IMAP_LOGIN',
      `${host} refused the login${serverText(error)}: check the user in "imap" and the password that password_command, password_file or token_command gives.`,
      'action-required',
    );
  }
  if (notTls.test(code)) {
    return failed(
      'ERR_IMAP_TLS',
      `${host} does not speak TLS on this port (${code}): check the port in "imap", or use imap+starttls://.`,
      'action-required',
    );
  }
  if (untrusted.test(code)) {
    return failed(
      'ERR_IMAP_TLS',
      `The TLS connection to ${host} cannot be trusted (${code}): check the host name in "imap", or set ca_file if the server has a private certificate authority.`,
      'action-required',
    );
  }
  if (/STARTTLS/.test(text(error.message))) {
    return failed(
      'ERR_IMAP_TLS',
      `${host} offers no STARTTLS: use imaps:// if the server has a TLS port.`,
      'action-required',
    );
  }
  const why = code === '' ? 'no answer' : code;
  return failed(
    'ERR_IMAP_UNREACHABLE',
    `${host} cannot be reached (${why})${serverText(error)}: it is tried again by itself.`,
    'transient',
  );
}

/** The error of a server that did not come to the end of a login in time. */
export function loginTimeoutError(host: string): ImapError {
  return new ImapError(
    'ERR_IMAP_UNREACHABLE',
    `${host} did not finish the login in time: it is tried again by itself.`,
    { disposition: 'transient' },
  );
}

/** The error of a try that was given up because the network had changed in the meantime. */
export function supersededError(): ImapError {
  return new ImapError(
    'ERR_IMAP_UNREACHABLE',
    'The network changed while the mail server was being connected to: it is tried again by itself.',
    { disposition: 'transient' },
  );
}

/** Turns whatever the IMAP library threw while opening a folder into an {@link ImapError}. */
export function folderError(cause: unknown, path: string): ImapError {
  const error = libraryError(cause);
  if (isPassing(error)) {
    return new ImapError(
      'ERR_IMAP_REFUSED',
      `The folder "${path}" cannot be opened at the moment${serverText(error)}: it is tried again by itself.`,
      { cause, disposition: 'transient' },
    );
  }
  return new ImapError(
    'ERR_IMAP_FOLDER',
    `The folder "${path}" cannot be opened${serverText(error)}: check "folder" in the configuration, or create it in the mailbox.`,
    { cause, disposition: 'action-required' },
  );
}

/** The error of a folder whose messages have no lasting names, which RFC 9051 §2.3.1.1 demands. */
export function unnumberedError(path: string, missing: 'UIDVALIDITY' | 'UIDNEXT'): ImapError {
  return new ImapError(
    'ERR_IMAP_FOLDER',
    `The mail server tells no ${missing} of the folder "${path}", so that new mail cannot be told from old: use another mail server.`,
    { disposition: 'action-required' },
  );
}

/** The error of a change in a folder in which the server lets nothing be changed. */
export function readOnlyError(path: string): ImapError {
  return new ImapError(
    'ERR_IMAP_REFUSED',
    `The folder "${path}" is read-only, so that delivered push mail stays in it: give the account the right to delete there, or set another "folder".`,
    { disposition: 'action-required' },
  );
}

/** The error of a folder whose messages have got other UIDs since it was opened before (RFC 9051 §2.3.1.1). */
export function renumberedError(path: string): ImapError {
  return new ImapError(
    'ERR_IMAP_LOST',
    `The mail server has numbered the folder "${path}" anew: it is looked through again by itself.`,
    { disposition: 'transient' },
  );
}

/** The error of a command that the server answered with NO or BAD. */
export function refusedError(cause?: unknown): ImapError {
  return new ImapError(
    'ERR_IMAP_REFUSED',
    `The mail server refused a command${serverText(libraryError(cause))}: it is tried again by itself.`,
    { cause, disposition: 'transient' },
  );
}

/** The error of a command that could not run to its end because the connection is gone. */
export function lostError(cause?: unknown): ImapError {
  return new ImapError('ERR_IMAP_LOST', 'The connection to the mail server was lost: it is made again by itself.', {
    cause,
    disposition: 'transient',
  });
}
