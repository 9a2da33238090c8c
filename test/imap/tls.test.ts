import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startScriptedImap } from '../tools/scripted-imap.js';
import { watch } from './watch.js';

const read = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
const ca = read('authority.pem');
const localhost = { key: read('localhost.key'), cert: read('localhost.pem') };
const elsewhere = { key: read('elsewhere.key'), cert: read('elsewhere.pem') };

describe('TLS from the first byte', () => {
  it.each(['localhost', '127.0.0.1'])('works with a private authority and the host %s', async (host) => {
    const server = await startScriptedImap({ tls: localhost });
    const watched = watch(server, { account: { host, security: 'tls', ca } });
    await watched.next('connected');
  });

  it.each([
    ['an authority that is not known', localhost, undefined, /cannot be trusted \([A-Z_]+\): .* set ca_file/],
    [
      'a certificate for another host',
      elsewhere,
      ca,
      /cannot be trusted \(ERR_TLS_CERT_ALTNAME_INVALID\): check the host/,
    ],
  ])('is refused with %s, before anything is told', async (_, tls, authority, message) => {
    const server = await startScriptedImap({ tls });
    const watched = watch(server, { account: { security: 'tls', ...(authority && { ca: authority }) } });
    const { error } = await watched.next('disconnected');
    expect(error).toMatchObject({
      code: 'ERR_IMAP_TLS',
      disposition: 'action-required',
      message: expect.stringMatching(message),
    });
    expect(server.commands).toEqual([]);
  });

  it('at a port without TLS is told so', async () => {
    const server = await startScriptedImap();
    const watched = watch(server, { account: { security: 'tls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_TLS',
      message: expect.stringMatching(/^127\.0\.0\.1 does not speak TLS on this port \(\w+\): check the port/),
    });
  });
});

describe('STARTTLS', () => {
  const untold = ['LOGIN', 'AUTHENTICATE'];

  it('that is demanded and not offered is told in one line, and the password is not', async () => {
    const server = await startScriptedImap();
    const watched = watch(server, { account: { security: 'starttls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({
      code: 'ERR_IMAP_TLS',
      disposition: 'action-required',
      message: '127.0.0.1 offers no STARTTLS: use imaps:// if the server has a TLS port.',
    });
    expect(server.commands.join('\n')).not.toMatch(new RegExp(untold.join('|')));
  });

  it('that is offered and then refused is told in the same way', async () => {
    const server = await startScriptedImap({
      capabilities: 'IMAP4rev1 STARTTLS IDLE',
      on: ({ name, tag, line }) => {
        if (name !== 'STARTTLS') return undefined;
        line(`${tag} NO not today`);
        return true;
      },
    });
    const watched = watch(server, { account: { security: 'starttls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_TLS' });
    expect(server.commands.join('\n')).not.toMatch(new RegExp(untold.join('|')));
  });

  it('is demanded also of a server that greets as if we were known', async () => {
    const server = await startScriptedImap({ greeting: '* PREAUTH welcome back' });
    const watched = watch(server, { account: { security: 'starttls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_TLS' });
    expect(server.commands.join('\n')).not.toContain('SELECT');
  });

  it('is not believed when more comes behind its answer than there can be', async () => {
    const server = await startScriptedImap({
      capabilities: 'IMAP4rev1 STARTTLS IDLE',
      on: ({ name, tag, write }) => {
        if (name !== 'STARTTLS') return undefined;
        write(`${tag} OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n`);
        return true;
      },
    });
    const watched = watch(server, { account: { security: 'starttls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_TLS' });
    expect(server.commands.join('\n')).not.toMatch(new RegExp(untold.join('|')));
  });

  it('hides the login from everybody else', async () => {
    const server = await startScriptedImap({ capabilities: 'IMAP4rev1 STARTTLS IDLE', startTls: localhost });
    const watched = watch(server, { account: { security: 'starttls', ca } });
    await watched.next('connected');
    expect(server.commands.slice(0, 4)).toEqual([
      'CAPABILITY',
      'STARTTLS',
      'CAPABILITY',
      expect.stringMatching(/^LOGIN /),
    ]);
  });

  it('with an authority that is not known is refused before anything is told', async () => {
    const server = await startScriptedImap({ capabilities: 'IMAP4rev1 STARTTLS IDLE', startTls: localhost });
    const watched = watch(server, { account: { security: 'starttls' } });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_TLS' });
    expect(server.commands).toEqual(['CAPABILITY', 'STARTTLS']);
  });
});
