import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../../src/runtime.js';
import { openSession, type SieveAccount, SieveError, type SieveSession } from '../../src/sieve/index.js';
import { createManualTime } from '../tools/manual-time.js';
import { capabilities, type ScriptedSieve, type ScriptedSieveOptions, startScriptedSieve } from './scripted-sieve.js';

const read = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
const ca = read('authority.pem');
const localhost = { key: read('localhost.key'), cert: read('localhost.pem') };
const elsewhere = { key: read('elsewhere.key'), cert: read('elsewhere.pem') };
const offersTls = capabilities('"SASL" ""\r\n"STARTTLS"\r\n');

const secret = 'correct horse';

async function open(
  { host, port }: Pick<ScriptedSieve, 'host' | 'port'>,
  more: Partial<SieveAccount> = {},
  runtime: Pick<Runtime, 'sleep'> = createRuntime(),
  signal: AbortSignal = new AbortController().signal,
): Promise<SieveSession> {
  const credentials = async () => ({ kind: 'password', password: secret }) as const;
  return await openSession({ host, port, mustEncrypt: false, user: 'alice', credentials, ...more }, runtime, signal);
}

/** The code of what opening a session with such a server ends in, and what the server was told. */
async function failure(
  options: ScriptedSieveOptions,
  more: Partial<SieveAccount> = {},
): Promise<{ error: SieveError; server: ScriptedSieve }> {
  const server = await startScriptedSieve(options);
  const error = await open(server, more).then(
    () => expect.fail('It should have failed.'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SieveError);
  await expect.poll(() => server.open()).toBe(0);
  return { error: error as SieveError, server };
}

const sentLogin = ({ lines }: ScriptedSieve): boolean => lines.some((line) => /AUTHENTICATE/i.test(line));

describe('logging in to ManageSieve', () => {
  it('with a password is PLAIN, without another identity', async () => {
    const server = await startScriptedSieve();
    const session = await open(server);
    expect(server.lines[0]).toBe(`AUTHENTICATE "PLAIN" "${Buffer.from(`\0alice\0${secret}`).toString('base64')}"`);
    expect([...session.extensions]).toEqual(['fileinto', 'include', 'mailbox']);
    await session.close();
    expect(server.lines.at(-1)).toBe('LOGOUT');
    await expect.poll(() => server.open()).toBe(0);
  });

  it.each([
    ['OAUTHBEARER', 'XOAUTH2 OAUTHBEARER', /^n,a=a=2Cb=3Dc,\|host=127\.0\.0\.1\|port=\d+\|auth=Bearer t0k\|\|$/],
    ['XOAUTH2', 'PLAIN XOAUTH2', /^user=a,b=c\|auth=Bearer t0k\|\|$/],
  ])('with a token is %s', async (mechanism, offered, expected) => {
    const server = await startScriptedSieve({ greeting: capabilities(`"SASL" "${offered}"\r\n`) });
    const session = await open(server, { user: 'a,b=c', credentials: async () => ({ kind: 'token', token: 't0k' }) });
    const [, used, initial = ''] = /^AUTHENTICATE "(\w+)" "(.*)"$/.exec(server.lines[0] ?? '') ?? [];
    expect(used).toBe(mechanism);
    expect(Buffer.from(initial, 'base64').toString().replaceAll('\x01', '|')).toMatch(expected);
    await session.close();
  });

  it('with a token that is refused answers the challenge and tells', async () => {
    const { error, server } = await failure(
      {
        greeting: capabilities('"SASL" "OAUTHBEARER"\r\n'),
        on: (line) => {
          if (line.startsWith('AUTHENTICATE')) return '"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0="\r\n';
          return line === '"AQ=="' ? 'NO "expired"\r\n' : undefined;
        },
      },
      { credentials: async () => ({ kind: 'token', token: 't0k' }) },
    );
    expect(error).toMatchObject({ code: 'ERR_SIEVE_LOGIN', message: expect.stringContaining('(it said: expired)') });
    expect(server.lines).toHaveLength(2);
  });

  it.each<[string, string, string, string]>([
    ['is refused', 'NO "wrong \u001b[2J\npassword"\r\n', 'ERR_SIEVE_LOGIN', 'action-required'],
    ['may work later', 'NO (TRYLATER) "busy"\r\n', 'ERR_SIEVE_UNREACHABLE', 'transient'],
    ['is sent elsewhere', 'BYE (REFERRAL "sieve://evil.example") "go there"\r\n', 'ERR_SIEVE_UNREACHABLE', 'transient'],
    ['asks back without end', '""\r\n', 'ERR_SIEVE_PROTOCOL', 'rejected'],
  ])('that %s is told', async (_, answer, code, disposition) => {
    const isLogin = (line: string): boolean => line.startsWith('AUTHENTICATE') || line === '""';
    const { error, server } = await failure({
      on: (line) =>
        isLogin(line)
          ? answer.replace(/^(NO) "(wrong.*)"/s, (_, no, text) => `${no} {${Buffer.byteLength(text)}}\r\n${text}`)
          : undefined,
    });
    expect(error).toMatchObject({ code, disposition });
    expect(error.message).not.toMatch(/[\p{Cc}]/u);
    expect(error.message).not.toContain(secret);
    expect(server.lines.length).toBeLessThan(7);
  });

  it('in a way that the server does not know is told, with those that it knows', async () => {
    const { error, server } = await failure({ greeting: capabilities('"SASL" "GSSAPI"\r\n') });
    expect(error).toMatchObject({ code: 'ERR_SIEVE_LOGIN', message: expect.stringContaining('GSSAPI') });
    expect(sentLogin(server)).toBe(false);
  });
});

describe('STARTTLS of ManageSieve', () => {
  const tls = { ...localhost, greeting: capabilities() };

  it.each(['localhost', '127.0.0.1'])('hides the login, for a server named %s', async (host) => {
    const server = await startScriptedSieve({ greeting: offersTls, startTls: tls });
    const session = await open({ ...server, host: host as '127.0.0.1' }, { mustEncrypt: true, ca });
    expect(server.lines.slice(0, 2)).toEqual(['STARTTLS', expect.stringMatching(/^AUTHENTICATE "PLAIN"/)]);
    await session.close();
  });

  it.each<[string, ScriptedSieveOptions, Partial<SieveAccount>]>([
    ['is not offered', {}, { mustEncrypt: true }],
    ['is refused', { greeting: offersTls, on: (line) => (line === 'STARTTLS' ? 'NO\r\n' : undefined) }, { ca }],
    ['has a certificate that nobody knows', { greeting: offersTls, startTls: tls }, {}],
    ['has the certificate of another', { greeting: offersTls, startTls: { ...elsewhere, greeting: '' } }, { ca }],
    [
      'has words of somebody else behind its answer',
      { greeting: offersTls, on: (line) => (line === 'STARTTLS' ? `OK\r\n${capabilities()}` : undefined) },
      { ca },
    ],
    [
      'has half a word behind its answer',
      { greeting: offersTls, on: (line) => (line === 'STARTTLS' ? 'OK\r\n"SIEV' : undefined) },
      { ca },
    ],
  ])('that %s ends before anything is told', async (_, options, more) => {
    const { error, server } = await failure(options, more);
    expect(error).toMatchObject({ code: 'ERR_SIEVE_TLS', disposition: 'action-required' });
    expect(sentLogin(server)).toBe(false);
  });

  it('believes only what was said inside it', async () => {
    const before = '"SIEVE" "fileinto include"\r\n"SASL" "PLAIN"\r\n"STARTTLS"\r\nOK\r\n';
    const { error } = await failure(
      { greeting: before, startTls: { ...localhost, greeting: '"SASL" "GSSAPI"\r\nOK\r\n' } },
      { ca },
    );
    expect(error).toMatchObject({ code: 'ERR_SIEVE_LOGIN' });
  });
});

describe('a ManageSieve server', () => {
  it('is understood byte by byte, with literals and quoted strings', async () => {
    const script = 'keep; # "\\\r\n"Grüße"\r\n';
    const size = Buffer.byteLength(script);
    const server = await startScriptedSieve({
      slowly: true,
      on: (line) => {
        if (line === 'LISTSCRIPTS') return '"a \\"b\\"" active\r\n{5}\r\nGrü\r\nok "Fine."\r\n'.replace('{5}', '{4}');
        return line.startsWith('GETSCRIPT') ? Buffer.from(`{${size}}\r\n${script}\r\nOK\r\n`) : undefined;
      },
    });
    const session = await open(server);
    expect(await session.list()).toEqual([
      { name: 'a "b"', isActive: true },
      { name: 'Grü', isActive: false },
    ]);
    expect((await session.get('a "b"')).toString()).toBe(script);
    expect(server.lines.at(-1)).toBe('GETSCRIPT "a \\"b\\""');
    await session.close();
  });

  it.each<[string, string, string]>([
    ['has no room', 'NO (QUOTA/MAXSCRIPTS) "three is enough"\r\n', 'ERR_SIEVE_QUOTA'],
    ['refuses', 'NO "no"\r\n', 'ERR_SIEVE_REFUSED'],
    ['has nested codes that nobody knows', 'NO (X-NEW ("a" (b) 3) {1}\r\nx) "no"\r\n', 'ERR_SIEVE_REFUSED'],
    ['leaves', 'BYE "shutting down"\r\n', 'ERR_SIEVE_UNREACHABLE'],
    ['talks nonsense', 'HTTP/1.1 400 Bad Request\r\n', 'ERR_SIEVE_PROTOCOL'],
    ['sends a code without end', 'NO (QUOTA "no"\r\n', 'ERR_SIEVE_PROTOCOL'],
    ['never comes to the end of a line', 'x'.repeat(100_000), 'ERR_SIEVE_PROTOCOL'],
    ['never comes to the end of its answer', '"x"\r\n'.repeat(10_000), 'ERR_SIEVE_PROTOCOL'],
    ['announces more than it may', '{4294967296}\r\n', 'ERR_SIEVE_PROTOCOL'],
    ['has a script for another answer', '"script"\r\n"script"\r\nOK\r\n', 'ERR_SIEVE_PROTOCOL'],
    ['has no script in its answer', 'OK\r\n', 'ERR_SIEVE_PROTOCOL'],
  ])('that %s ends a command in a typed error', async (_, answer, code) => {
    const server = await startScriptedSieve({ on: (line) => (line.startsWith('GETSCRIPT') ? answer : undefined) });
    const session = await open(server);
    await expect(session.get('main')).rejects.toMatchObject({ code });
    await session.close();
    await expect.poll(() => server.open()).toBe(0);
  });

  it('whose names are no UTF-8 is not believed', async () => {
    const answer = Buffer.from('"\xff" ACTIVE\r\nOK\r\n', 'latin1');
    const server = await startScriptedSieve({ on: (line) => (line === 'LISTSCRIPTS' ? answer : undefined) });
    const session = await open(server);
    await expect(session.list()).rejects.toMatchObject({ code: 'ERR_SIEVE_PROTOCOL' });
    await session.close();
  });

  it('that says anything at all ends in a typed error or in a session', async () => {
    const pieces = fc.oneof(
      fc.constantFrom(capabilities(), 'OK\r\n', 'NO\r\n', 'BYE\r\n', '"SASL" "PLAIN"\r\n', '{3}\r\nabc', '(', '"'),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 6 }), async (words) => {
        const server = await startScriptedSieve({ greeting: words.join('') });
        const ended = new AbortController();
        const time = createManualTime();
        const opened = open(server, {}, time.runtime, ended.signal).then(
          (session) => session.close(),
          (error: unknown) => expect(error).toBeInstanceOf(SieveError),
        );
        const isOver = opened.then(() => true);
        // What is not wrong may be unfinished: then it is the time that ends it.
        while (!(await Promise.race([isOver, new Promise((resolve) => setImmediate(() => resolve(false)))]))) {
          time.pass(1_000);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('that says nothing is given up', async () => {
    const server = await startScriptedSieve({ greeting: '' });
    const time = createManualTime();
    const opened = expect(open(server, {}, time.runtime)).rejects.toMatchObject({
      code: 'ERR_SIEVE_UNREACHABLE',
      message: expect.stringContaining('does not answer in time'),
    });
    await expect.poll(() => time.sleepers()).toEqual([60_000]);
    time.pass(60_000);
    await opened;
    await expect.poll(() => server.open()).toBe(0);
  });

  it('that hangs up in the middle is told', async () => {
    const server = await startScriptedSieve({ on: (line) => (line === 'LISTSCRIPTS' ? '"half' : undefined) });
    const session = await open(server);
    const list = expect(session.list()).rejects.toMatchObject({
      code: 'ERR_SIEVE_UNREACHABLE',
      disposition: 'transient',
    });
    await expect.poll(() => server.lines.at(-1)).toBe('LISTSCRIPTS');
    server.hangUp();
    await list;
    await expect(session.list()).rejects.toMatchObject({ code: 'ERR_SIEVE_UNREACHABLE' });
    await session.close();
  });

  it('is left at once when the command is interrupted', async () => {
    const server = await startScriptedSieve({ greeting: '' });
    const ended = new AbortController();
    const reason = new Error('Ended by SIGINT.');
    const opened = expect(open(server, {}, createRuntime(), ended.signal)).rejects.toBe(reason);
    await expect.poll(() => server.open()).toBe(1);
    ended.abort(reason);
    await opened;
    await expect.poll(() => server.open()).toBe(0);
  });

  it('that is not there is told with host and reason', async () => {
    await expect(open({ host: '127.0.0.1', port: 1 })).rejects.toMatchObject({
      code: 'ERR_SIEVE_UNREACHABLE',
      message: expect.stringMatching(/^The ManageSieve server 127\.0\.0\.1 cannot be reached \(ECONNREFUSED\): check/),
    });
  });
});
