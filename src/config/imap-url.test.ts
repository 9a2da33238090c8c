import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseImapUrl } from './imap-url.js';
import { isLoopback } from './server-url.js';

describe('an IMAP URL', () => {
  it.each([
    ['imaps://alice@mail.example.org', { host: 'mail.example.org', port: 993, security: 'tls', user: 'alice' }],
    ['imaps://mail.example.org/', { host: 'mail.example.org', port: 993, security: 'tls', user: undefined }],
    ['imap+starttls://alice@mail.example.org', { port: 143, security: 'starttls' }],
    ['imap+starttls://alice@mail.example.org:1143', { port: 1143, security: 'starttls' }],
    ['imap://alice@localhost:1143', { host: 'localhost', port: 1143, security: 'plain' }],
    ['IMAPS://alice@MAIL.Example.ORG', { host: 'mail.example.org', security: 'tls', user: 'alice' }],
    ['imaps://alice%40example.org@mail.example.org', { host: 'mail.example.org', user: 'alice@example.org' }],
    ['imaps://alice@example.org@mail.example.org', { host: 'mail.example.org', user: 'alice@example.org' }],
    ['imaps://al%25ice%2Fx%3A@mail.example.org', { user: 'al%ice/x:' }],
    ['imaps://gr%C3%BC%C3%9Fe@mail.example.org', { user: 'grüße' }],
    ['imaps://alice@[2001:DB8::1]:1993', { host: '2001:db8::1', port: 1993 }],
    ['imap://alice@[::1]', { host: '::1', port: 143, security: 'plain' }],
    ['imaps://192.0.2.1', { host: '192.0.2.1' }],
    ['imaps://müller.example', { host: 'xn--mller-kva.example' }],
    ['imaps://mail_1.example.org', { host: 'mail_1.example.org' }],
  ])('%s is read', (url, expected) => {
    expect(parseImapUrl(url)).toMatchObject(expected);
  });

  it.each([
    ['mail.example.org', 'is not a URL'],
    ['', 'is not a URL'],
    ['imaps://[2001:db8::1', 'is not a URL'],
    ['imaps://mail.example.org:70000', 'is not a URL'],
    ['https://mail.example.org', 'must begin with imaps://, imap+starttls:// or imap://'],
    ['smtps://mail.example.org', 'must begin with'],
    ['mail.example.org:993', 'must begin with'],
    ['imaps://alice:secret@mail.example.org', 'must hold no password: use password_command or password_file'],
    ['imaps:mail.example.org', 'names no host'],
    ['imaps:///INBOX', 'names no host'],
    ['imaps://mail.example.org/INBOX', 'must end after host and port: the folder is a key of its own'],
    ['imaps://mail.example.org?x', 'must end after host and port'],
    ['imaps://mail.example.org#x', 'must end after host and port'],
    ['imaps://mail%20x.example.org', 'names a host that cannot be'],
    ['imaps://mail%ff.example.org', 'names a host that cannot be'],
    ['imaps://-', 'names a host that cannot be'],
    ['imaps://mail.example.org:0', 'has a port that cannot be: leave it out for 993'],
    ['imaps://100%@mail.example.org', 'has a user that is not percent-encoded: write % as %25'],
    ['imaps://alice%0d%0aLOGOUT@mail.example.org', 'has a control character in its user'],
  ])('%j is refused', (url, problem) => {
    expect(parseImapUrl(url)).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  it('is read or refused, whatever it is, and no part of it comes back in the refusal', () => {
    const urlLike = fc
      .tuple(fc.constantFrom('imap', 'imaps', 'imap+starttls', 'http'), fc.string({ unit: 'binary' }))
      .map(([scheme, rest]) => `${scheme}://${rest}`);
    const problems = new Set<string>();
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), urlLike), (url) => {
        const read = parseImapUrl(url);
        if ('problem' in read) problems.add(read.problem);
        else expect(read.port).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
    expect(problems.size).toBeLessThan(15);
  });
});

describe('the loopback interface', () => {
  it.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['127.0.0.1.example.org', '127.example.org', '127.999.1.1', '192.0.2.1', '::', 'localhost.example.org', ''])(
    'is not %s',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
