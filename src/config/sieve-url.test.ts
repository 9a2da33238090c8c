import { describe, expect, it } from 'vitest';
import { parseSieveUrl } from './sieve-url.js';

const imapHost = 'imap.example.org';

describe('the value of sieve', () => {
  it.each([
    [undefined, { host: imapHost, port: 4190, user: undefined, mustEncrypt: true }],
    ['sieve://mail.example.org', { host: 'mail.example.org', port: 4190, user: undefined, mustEncrypt: true }],
    ['sieve://a%40b@[::1]:5000/', { host: '::1', port: 5000, user: 'a@b', mustEncrypt: false }],
    ['sieve://localhost', { host: 'localhost', port: 4190, user: undefined, mustEncrypt: false }],
  ])('%s says where the scripts are', (url, location) => {
    expect(parseSieveUrl(url, imapHost, false)).toEqual(location);
  });

  it('may be told without TLS when the user says so', () => {
    expect(parseSieveUrl(undefined, imapHost, true)).toMatchObject({ mustEncrypt: false });
  });

  it.each([
    ['mail.example.org', 'is not a URL: write it like sieve://alice@mail.example.org'],
    ['imaps://mail.example.org', 'must begin with sieve://'],
    ['sieve://alice:secret@mail.example.org', 'must hold no password: use password_command or password_file'],
    ['sieve://mail.example.org/alice/main', 'must end after host and port: scripts are not named here'],
    ['sieve://mail.example.org:0', 'has a port that cannot be: leave it out for 4190'],
  ])('%s is refused', (url, problem) => {
    expect(parseSieveUrl(url, imapHost, false)).toEqual({ problem });
  });
});
