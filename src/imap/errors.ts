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

interface LibraryError {
  readonly authenticationFailed?: boolean;
  readonly serverResponseCode?: string;
  readonly response?: unknown;
  readonly responseText?: string;
  readonly code?: string;
  readonly message?: string;
}

/** Response codes of RFC 5530 that say "not now" about a login, rather than "wrong". */
const passingLoginCodes = new Set(['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG', 'CONTACTADMIN', 'THROTTLED']);

const certificateCodes =
  /^(ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO|STARTTLS_INJECTION)/;

function serverText(error: LibraryError): string {
  const text = typeof error.response === 'string' ? error.response : (error.responseText ?? '');
  const printable = text.replace(/[^\x20-\x7e]+/g, ' ').trim();
  return printable.slice(0, serverTextChars);
}

/**
 * Turns whatever the IMAP library threw while connecting into an {@link ImapError}.
 *
 * @param host named in the message, so that a wrong setting is seen at once.
 */
export function connectError(cause: unknown, host: string): ImapError {
  const error = (cause ?? {}) as LibraryError;
  const words = serverText(error);
  if (error.authenticationFailed === true) {
    const passing = passingLoginCodes.has(error.serverResponseCode ?? '');
    const disposition: Disposition = passing ? 'transient' : 'action-required';
    const said = words === '' ? '' : ` (it said: ${words})`;
    return passing
      ? new ImapError('ERR_IMAP_UNREACHABLE', `${host} does not take logins at the moment${said}.`, {
          cause,
          disposition,
        })
      : new ImapError(
          'ERR_IMAP_LOGIN',
          `${host} refused the login${said}: check the user in "imap" and the password that password_command, password_file or token_command gives.`,
          { cause, disposition },
        );
  }
  if (certificateCodes.test(error.code ?? '')) {
    return new ImapError(
      'ERR_IMAP_TLS',
      `The TLS connection to ${host} cannot be trusted (${error.code}): check the host name in "imap", or set ca_file if the server has a private certificate authority.`,
      { cause, disposition: 'action-required' },
    );
  }
  if (/does not support STARTTLS|STARTTLS/i.test(error.message ?? '')) {
    return new ImapError('ERR_IMAP_TLS', `${host} offers no STARTTLS: use imaps:// if the server has a TLS port.`, {
      cause,
      disposition: 'action-required',
    });
  }
  const why = error.code ?? 'no answer';
  return new ImapError('ERR_IMAP_UNREACHABLE', `${host} cannot be reached (${why}): it is tried again by itself.`, {
    cause,
    disposition: 'transient',
  });
}

/** The error of a command that could not run to its end because the connection is gone. */
export function lostError(cause?: unknown): ImapError {
  return new ImapError('ERR_IMAP_LOST', 'The connection to the mail server was lost: it is made again by itself.', {
    cause,
    disposition: 'transient',
  });
}
