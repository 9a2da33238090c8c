import { describe, expect, it } from 'vitest';
import { connectError, folderError, ImapError, lostError, refusedError } from './errors.js';

const host = 'mail.example.org';

function libraryError(properties: Record<string, unknown>, message = 'Command failed'): Error {
  return Object.assign(new Error(message), properties);
}

describe('a connection that could not be made', () => {
  it.each([
    ['is refused', { code: 'ECONNREFUSED' }, 'ERR_IMAP_UNREACHABLE', 'transient', /ECONNREFUSED/],
    ['has no address', { code: 'ENOTFOUND' }, 'ERR_IMAP_UNREACHABLE', 'transient', /ENOTFOUND/],
    ['gets no answer', { code: 'CONNECT_TIMEOUT' }, 'ERR_IMAP_UNREACHABLE', 'transient', /CONNECT_TIMEOUT/],
    ['gets no greeting', { code: 'GREETING_TIMEOUT' }, 'ERR_IMAP_UNREACHABLE', 'transient', /GREETING/],
    [
      'gets a BYE',
      { code: 'ClosedAfterConnectText', reason: 'Too many connections' },
      'ERR_IMAP_UNREACHABLE',
      'transient',
      /it said: Too many connections/,
    ],
    ['fails without a word', {}, 'ERR_IMAP_UNREACHABLE', 'transient', /no answer/],
    [
      'has a wrong password',
      { authenticationFailed: true, serverResponseCode: 'AUTHENTICATIONFAILED', response: 'Authentication failed.' },
      'ERR_IMAP_LOGIN',
      'action-required',
      /it said: Authentication failed\..*password_command/,
    ],
    ['may not log in', { authenticationFailed: true }, 'ERR_IMAP_LOGIN', 'action-required', /refused the login:/],
    [
      'logs in at a bad time',
      { authenticationFailed: true, serverResponseCode: 'UNAVAILABLE', response: 'Try later' },
      'ERR_IMAP_UNREACHABLE',
      'transient',
      /takes no logins at the moment \(it said: Try later\)/,
    ],
    [
      'is cut during the login',
      { authenticationFailed: true, code: 'NoConnection' },
      'ERR_IMAP_UNREACHABLE',
      'transient',
      /NoConnection/,
    ],
    ['meets a stranger', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'ERR_IMAP_TLS', 'action-required', /ca_file/],
    ['meets an old friend', { code: 'CERT_HAS_EXPIRED' }, 'ERR_IMAP_TLS', 'action-required', /CERT_HAS_EXPIRED/],
    ['meets another', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'ERR_IMAP_TLS', 'action-required', /host name/],
    ['meets no TLS', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, 'ERR_IMAP_TLS', 'action-required', /port/],
  ])('because it %s is told so', (_, properties, code, disposition, message) => {
    const error = connectError(libraryError(properties), host);
    expect(error).toMatchObject({ code, disposition, cause: { message: 'Command failed' } });
    expect(error.message).toContain(host);
    expect(error.message).toMatch(message);
  });

  it('because STARTTLS is not offered is told in one line', () => {
    const error = connectError(libraryError({ tlsFailed: true }, 'Server does not support STARTTLS'), host);
    expect(error).toMatchObject({ code: 'ERR_IMAP_TLS', disposition: 'action-required' });
    expect(error.message).toBe('mail.example.org offers no STARTTLS: use imaps:// if the server has a TLS port.');
  });

  it('is told in one printable line of bounded length, whatever the server said', () => {
    const said = `line\r\n\u001b[31m${'x'.repeat(100_000)}\u0000ü`;
    for (const properties of [
      { authenticationFailed: true, response: said },
      { code: 'ClosedAfterConnectTLS', reason: said },
    ]) {
      const { message } = connectError(libraryError(properties), host);
      expect(message).toMatch(/^[\x20-\x7e]{1,500}$/);
    }
  });

  it.each([[undefined], [null], ['text'], [42], [new Error('plain')], [{ code: 7, response: {} }]])(
    'is a typed error also when %j was thrown',
    (thrown) => {
      expect(connectError(thrown, host)).toBeInstanceOf(ImapError);
      expect(folderError(thrown, 'INBOX')).toBeInstanceOf(ImapError);
      expect(refusedError(thrown)).toMatchObject({ code: 'ERR_IMAP_REFUSED', disposition: 'transient' });
      expect(lostError(thrown)).toMatchObject({ code: 'ERR_IMAP_LOST', disposition: 'transient' });
    },
  );
});

describe('a folder that could not be opened', () => {
  it('has to be made or named otherwise', () => {
    const error = folderError(libraryError({ serverResponseCode: 'NONEXISTENT', response: 'No such mailbox' }), 'Push');
    expect(error).toMatchObject({ code: 'ERR_IMAP_FOLDER', disposition: 'action-required' });
    expect(error.message).toMatch(/^The folder "Push" cannot be opened \(it said: No such mailbox\): check "folder"/);
  });

  it('is tried again when the server says that it will work later', () => {
    const error = folderError(libraryError({ serverResponseCode: 'inuse' }), 'Push');
    expect(error).toMatchObject({ code: 'ERR_IMAP_REFUSED', disposition: 'transient' });
  });
});
