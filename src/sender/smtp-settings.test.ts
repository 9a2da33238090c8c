import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushError } from './errors.js';
import type { SmtpOptions } from './sender-options.js';
import { readSmtpSettings } from './smtp-settings.js';

function errorOf(smtp: string | SmtpOptions): PushError {
  try {
    readSmtpSettings(smtp);
  } catch (error) {
    expect(error).toBeInstanceOf(PushError);
    return error as PushError;
  }
  throw new Error('It was taken.');
}

describe('an SMTP URL', () => {
  it.each([
    ['smtps://mail.example.org', 'mail.example.org', 465, 'tls'],
    ['smtp+starttls://mail.example.org', 'mail.example.org', 587, 'starttls'],
    ['smtp://mail.example.org', 'mail.example.org', 587, 'starttls'],
    ['smtp://mail.example.org:2525', 'mail.example.org', 2525, 'starttls'],
    ['smtp://192.0.2.1:25', '192.0.2.1', 25, 'starttls'],
    ['smtp://127.example.org', '127.example.org', 587, 'starttls'],
    ['smtp://localhost', 'localhost', 25, 'plain'],
    ['smtp://127.0.0.1:2525/', '127.0.0.1', 2525, 'plain'],
    ['smtp://[::1]:2525', '::1', 2525, 'plain'],
    ['smtp+starttls://localhost', 'localhost', 587, 'starttls'],
    ['smtps://[2001:db8::1]', '2001:db8::1', 465, 'tls'],
  ])('%s is %s, port %d, %s', (url, host, port, security) => {
    expect(readSmtpSettings(url)).toMatchObject({ host, port, security, auth: undefined });
  });

  it('holds user and password percent-encoded, the @ of the user in plain too', () => {
    const auth = { user: 'push@app.example', pass: 'p/w:@' };
    expect(readSmtpSettings('smtps://push%40app.example:p%2Fw%3A%40@mail.app.example').auth).toEqual(auth);
    expect(readSmtpSettings('smtp+starttls://push@app.example:p%2Fw%3A%40@mail.app.example').auth).toEqual(auth);
  });

  it('leaves the password to the options', () => {
    const auth = { user: 'push@app.example', pass: 'secret' };
    expect(readSmtpSettings({ url: 'smtps://mail.app.example', auth }).auth).toEqual(auth);
  });

  it.each([
    'mail.example.org',
    'imaps://mail.example.org',
    'http://mail.example.org',
    'smtp://',
    'smtps://mail.example.org/path',
    'smtps://mail.example.org?pool=true',
    'smtps://mail.example.org#x',
    'smtps://user:%zz@mail.example.org',
    'smtps://mail%0d%0a.example.org',
    'smtps://-mail.example.org',
    'smtps://mail.example.org:0',
    '',
  ])('%j is refused', (url) => {
    expect(errorOf(url).code).toBe('ERR_OPTION_INVALID');
  });

  it('never stands in the message of its error', () => {
    for (const url of ['smtps://alice:secret@mail.example.org/x', 'ftp://alice:secret@mail.example.org']) {
      expect(errorOf(url).message).not.toContain('secret');
    }
  });

  it('is read or refused with a typed error, whatever it is', () => {
    const urlLike = fc
      .tuple(fc.constantFrom('smtp', 'smtps', 'smtp+starttls'), fc.string())
      .map(([a, b]) => `${a}://${b}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), urlLike), (url) => {
        try {
          readSmtpSettings(url);
        } catch (error) {
          expect(error).toBeInstanceOf(PushError);
        }
      }),
    );
  });
});

describe('SMTP options', () => {
  it('default to required STARTTLS and to limits on time', () => {
    expect(readSmtpSettings({ host: 'mail.example.org' })).toEqual({
      host: 'mail.example.org',
      port: 587,
      security: 'starttls',
      auth: undefined,
      name: undefined,
      ca: undefined,
      servername: undefined,
      connectionTimeoutMs: 15_000,
      greetingTimeoutMs: 30_000,
      socketTimeoutMs: 120_000,
    });
  });

  it('mean TLS with port 465', () => {
    expect(readSmtpSettings({ host: 'mail.example.org', port: 465 }).security).toBe('tls');
    expect(readSmtpSettings({ host: 'localhost', secure: true }).security).toBe('tls');
  });

  it('send in the clear to another machine only with insecure, and not when TLS is required as well', () => {
    const host = 'mail.example.org';
    expect(readSmtpSettings({ host, insecure: true }).security).toBe('starttls-if-offered');
    expect(readSmtpSettings({ url: `smtp://${host}`, insecure: true }).security).toBe('starttls-if-offered');
    expect(readSmtpSettings({ host, insecure: true, requireTLS: true }).security).toBe('starttls');
    expect(readSmtpSettings({ url: `smtp+starttls://${host}`, insecure: true }).security).toBe('starttls');
    expect(readSmtpSettings({ host, requireTLS: false }).security).toBe('starttls');
    expect(readSmtpSettings({ host: 'localhost', requireTLS: true }).security).toBe('starttls');
  });

  it.each([
    ['neither url nor host', {}],
    ['both url and host', { url: 'smtps://mail.example.org', host: 'mail.example.org' }],
    ['an option that is not known', { host: 'mail.example.org', tls: {}, rejectUnauthorized: false }],
    ['TLS options that are not known', { host: 'mail.example.org', tls: { rejectUnauthorized: false } }],
    ['a port that is none', { host: 'mail.example.org', port: 70_000 }],
    ['a timeout that is none', { host: 'mail.example.org', socketTimeout: 0 }],
    ['a CA that is no certificate', { host: 'mail.example.org', tls: { ca: '/etc/ssl/ca.pem' } }],
    ['a user without a password', { host: 'mail.example.org', auth: { user: 'alice' } }],
    ['a host that is none', { host: 'mail example' }],
    ['an EHLO name with a line break', { host: 'mail.example.org', name: 'a\r\nRSET' }],
  ])('are refused with %s', (_, options) => {
    expect(errorOf(options as SmtpOptions).code).toBe('ERR_OPTION_INVALID');
  });
});
