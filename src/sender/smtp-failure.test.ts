import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushError } from './errors.js';
import { explainSmtpFailure, isThrottle } from './smtp-failure.js';

const rcpt = (response: string): object => ({ code: 'EENVELOPE', command: 'RCPT TO', response });

describe('a failed SMTP transaction', () => {
  it.each([
    ['an unknown mailbox', rcpt('550 5.1.1 User unknown'), 'ERR_ENDPOINT_GONE', 'rejected'],
    [
      'an unknown mailbox on several lines',
      rcpt('550-5.1.1 The account\n550 5.1.1 is gone'),
      'ERR_ENDPOINT_GONE',
      'rejected',
    ],
    ['an unknown domain', rcpt('550 5.1.2 Bad destination system'), 'ERR_ENDPOINT_GONE', 'rejected'],
    ['a domain without mail', rcpt('556 5.1.10 Recipient address has null MX'), 'ERR_ENDPOINT_GONE', 'rejected'],
    [
      'an unknown mailbox told after DATA',
      { code: 'EMESSAGE', command: 'DATA', response: '550 5.1.1 x' },
      'ERR_ENDPOINT_GONE',
      'rejected',
    ],
    ['a bad sender', rcpt('550 5.1.8 Bad sender'), 'ERR_SMTP_REFUSED', 'rejected'],
    [
      'an answer to MAIL FROM',
      { code: 'EENVELOPE', command: 'MAIL FROM', response: '550 5.1.0 Sender rejected' },
      'ERR_SMTP_REFUSED',
      'rejected',
    ],
    ['550 without more', rcpt('550 No'), 'ERR_SMTP_REFUSED', 'rejected'],
    ['a full mailbox', rcpt('552 5.2.2 Mailbox full'), 'ERR_SMTP_REFUSED', 'rejected'],
    ['spam', { code: 'EMESSAGE', command: 'DATA', response: '554 5.7.1 Spam' }, 'ERR_SMTP_REFUSED', 'rejected'],
    ['a mail too large', { code: 'EMESSAGE', command: 'MAIL FROM' }, 'ERR_SMTP_REFUSED', 'rejected'],
    ['greylisting', rcpt('450 4.2.0 Greylisted'), 'ERR_SMTP_BUSY', 'transient'],
    ['421', { code: 'ECONNECTION', command: 'CONN', response: '421 4.7.0 Later' }, 'ERR_SMTP_BUSY', 'transient'],
    ['a login refused for now', { code: 'EAUTH', response: '454 4.7.0 Temporary' }, 'ERR_SMTP_BUSY', 'transient'],
    ['a login refused', { code: 'EAUTH', response: '535 5.7.8 Bad credentials' }, 'ERR_SMTP_LOGIN', 'action-required'],
    ['a login needed', rcpt('530 5.7.0 Authentication required'), 'ERR_SMTP_LOGIN', 'action-required'],
    [
      'no STARTTLS',
      { code: 'ETLS', command: 'STARTTLS', response: '502 5.5.1 What?' },
      'ERR_SMTP_TLS',
      'action-required',
    ],
    ['STARTTLS not now', { code: 'ETLS', command: 'STARTTLS', response: '454 Not now' }, 'ERR_SMTP_BUSY', 'transient'],
    ['a bad certificate', { code: 'ESOCKET', message: 'self-signed certificate' }, 'ERR_SMTP_TLS', 'action-required'],
    [
      'a certificate for another host',
      { code: 'ESOCKET', message: "Hostname/IP does not match certificate's altnames" },
      'ERR_SMTP_TLS',
      'action-required',
    ],
    ['no connection', { code: 'ESOCKET', message: 'connect ECONNREFUSED' }, 'ERR_SMTP_UNAVAILABLE', 'transient'],
    ['a lost connection', { code: 'ECONNECTION', message: 'Connection closed' }, 'ERR_SMTP_UNAVAILABLE', 'transient'],
    ['no answer', { code: 'ETIMEDOUT', message: 'Timeout' }, 'ERR_SMTP_UNAVAILABLE', 'transient'],
    ['no such host', { code: 'EDNS', message: 'getaddrinfo ENOTFOUND' }, 'ERR_SMTP_UNAVAILABLE', 'transient'],
    ['nothing known', undefined, 'ERR_SMTP_UNAVAILABLE', 'transient'],
  ])('by %s is explained', (_, failure, code, disposition) => {
    expect(explainSmtpFailure(failure)).toMatchObject({ code, disposition });
  });

  it('keeps the words of the server apart from what is logged', () => {
    const cause = Object.assign(
      new Error('refused: 550 5.1.1 <alice@example.org>'),
      rcpt('550 5.1.1 <alice@example.org>'),
    );
    const error = explainSmtpFailure(cause);
    expect(error.smtpResponse).toBe('550 5.1.1 <alice@example.org>');
    expect(error.cause).toBeUndefined();
    expect(Object.keys(error)).not.toContain('smtpResponse');
  });

  it('is explained whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (failure, response) => {
        expect(explainSmtpFailure(failure)).toBeInstanceOf(PushError);
        expect(explainSmtpFailure({ code: 'EENVELOPE', response })).toBeInstanceOf(PushError);
      }),
    );
  });
});

describe('less mail for a domain', () => {
  it.each([
    ['421 4.7.0 Try again later', true],
    ['421-4.7.28 Gmail has detected an unusual rate of mail\n421 4.7.28 from you', true],
    ['450 4.7.1 Error: too much mail from 192.0.2.1', true],
    ['451 4.7.500 Server busy', true],
    ['452 4.3.1 Insufficient system storage', true],
    ['421 4.3.2 The maximum number of concurrent server connections has exceeded a limit', true],
    ['451 4.4.5 Congestion', true],
    ['451 4.7.1 Greylisting in action, please come back later', false],
    ['450 4.7.1 Gray-listed', false],
    ['450 4.2.1 The user you are trying to contact is receiving mail too quickly', false],
    ['452 4.2.2 Mailbox full', false],
    ['450 4.2.0 Greylisted', false],
    ['451 4.4.2 Timeout', false],
    ['421 Service not available', false],
    ['454 4.7.0 Temporary authentication failure', false],
    ['550 5.7.1 No', false],
  ])('is what %j asks for: %s', (response, expected) => {
    expect(isThrottle(explainSmtpFailure(rcpt(response)))).toBe(expected);
  });

  it('is not what a lost connection asks for, nor anything else', () => {
    expect(isThrottle(explainSmtpFailure({ code: 'ECONNECTION' }))).toBe(false);
    expect(isThrottle(new Error('421 4.7.0 x'))).toBe(false);
  });
});
