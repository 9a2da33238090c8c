import { PushError } from './errors.js';

/** What nodemailer says about a failure; every field may be missing. */
interface Failure {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly response?: unknown;
  readonly message?: unknown;
}

const maxResponseChars = 500;

/**
 * Says what a failed SMTP transaction means, by the reply of the server (RFC 5321 §4.2) and its enhanced status code (RFC
 * 3463) where there is one, otherwise by how the connection ended.
 */
export function explainSmtpFailure(cause: unknown): PushError {
  const failure: Failure = typeof cause === 'object' && cause !== null ? cause : {};
  const smtpResponse = typeof failure.response === 'string' ? failure.response.slice(0, maxResponseChars) : undefined;
  const reply = Number(/^[245]\d\d(?=[ -]|$)/.exec(smtpResponse ?? '')?.[0] ?? 0);

  if (reply >= 400 && reply < 500) {
    const sentence = 'The SMTP server does not take the push now; send it again later.';
    return new PushError('ERR_SMTP_BUSY', sentence, { disposition: 'transient', smtpResponse });
  }
  if (failure.code === 'EAUTH' || failure.code === 'ENOAUTH' || loginReplies.has(reply)) {
    const sentence = 'The SMTP server does not take this login; check user and password.';
    return new PushError('ERR_SMTP_LOGIN', sentence, { disposition: 'action-required', smtpResponse });
  }
  if ((failure.code === 'ETLS' && reply >= 500) || isCertificateFailure(failure, reply)) {
    const sentence =
      'There is no verified TLS with the SMTP server; check its host name and certificate, or give its CA.';
    return new PushError('ERR_SMTP_TLS', sentence, {
      disposition: 'action-required',
      smtpResponse,
      ...causeOf(reply, cause),
    });
  }
  if (reply >= 500) {
    return isMailboxUnknown(failure.command, smtpResponse)
      ? new PushError('ERR_ENDPOINT_GONE', 'There is no such mailbox; forget this endpoint.', { smtpResponse })
      : new PushError('ERR_SMTP_REFUSED', 'The SMTP server refused the push for good.', { smtpResponse });
  }
  if (failure.code === 'EMESSAGE' && failure.command === 'MAIL FROM') {
    return new PushError('ERR_SMTP_REFUSED', 'The push is larger than the SMTP server takes.', { cause });
  }
  const sentence = 'The SMTP server cannot be reached, or the connection was lost; send the push again later.';
  return new PushError('ERR_SMTP_UNAVAILABLE', sentence, { disposition: 'transient', ...causeOf(reply, cause) });
}

/**
 * Whether a server refused a push for now because the domain of its recipient gets too much mail, or can take none:
 * policy and rate limits, a full system, one that takes no mail, congestion (RFC 3463 §3.4, §3.5, §3.8). Not what is about
 * one mailbox (4.2.x), whose owner must not be able to stop the mail of others; nor greylisting, which waits for one
 * sender and recipient.
 */
export function isThrottle(error: unknown): boolean {
  if (!(error instanceof PushError) || error.code !== 'ERR_SMTP_BUSY') return false;
  const response = error.smtpResponse ?? '';
  return /^(?:421|45[012])[ -]4\.(?:7\.\d{1,3}|3\.[12]|4\.5)\b/.test(response) && !/gr[ae]y-?list/i.test(response);
}

// Authentication required, too weak, failed, or only over TLS (RFC 4954 §6).
const loginReplies: ReadonlySet<number> = new Set([530, 534, 535, 538]);

/** X.1.7 and X.1.8 are about the sender's address (RFC 3463 §3.2); so is any X.1 answer to MAIL FROM. */
function isMailboxUnknown(command: unknown, response = ''): boolean {
  return command !== 'MAIL FROM' && /^5\d\d[ -]5\.1\.(?![78]\b)\d{1,3}\b/.test(response);
}

/**
 * Whether a status of RFC 3463 says that an address or its domain is not there (any more), when the command it answers is
 * not known: not 5.1.0, which some servers say about the sender as well.
 */
export function isMailboxGone(status: string): boolean {
  return /^5\.1\.(?:[1236]|10)$/.test(status);
}

/** nodemailer replaces the code of a TLS error, so only its words are left to go by. */
function isCertificateFailure(failure: Failure, reply: number): boolean {
  const { message } = failure;
  return reply === 0 && typeof message === 'string' && /certificate|altnames/i.test(message);
}

/** An error with a reply repeats it, and so the address, in its message; the reply is told apart. */
function causeOf(reply: number, cause: unknown): { cause?: unknown } {
  return reply === 0 ? { cause } : {};
}
