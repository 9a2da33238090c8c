import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { armorPrivateKey, open, type Signature } from '../../src/crypto/index.js';
import { readInner, readMail } from '../../src/notify-spec/index.js';
import { type CommandOptions, type Ended, runCommand, startCommand } from '../tools/run-command.js';
import { address, everyByte, from, useSenderFixture } from '../tools/sender-fixture.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import type { TestSmtpBehaviour, TestSmtpServer } from '../tools/test-smtp-server.js';

const fixture = useSenderFixture();
let home: string;
let keyFile: string;
let endpointFile: string;

beforeEach(async () => {
  home = await temporaryDirectory();
  keyFile = join(home, 'key.asc');
  endpointFile = join(home, 'endpoint');
  await writeFile(keyFile, armorPrivateKey(fixture().senderKey), { mode: 0o600 });
  await writeFile(endpointFile, `${fixture().alice.endpoint}\n`);
});

interface Sending extends CommandOptions {
  readonly endpoint?: string;
  readonly file?: string;
  /** Behind all others, so that they win. */
  readonly more?: readonly string[];
}

function argsFor(smtp: Pick<TestSmtpServer, 'port'>, { endpoint, file, more = [] }: Sending): string[] {
  const place = ['--smtp', `smtp://127.0.0.1:${smtp.port}`, '--from', from, '--key', keyFile];
  return ['send', endpoint ?? `@${endpointFile}`, ...(file === undefined ? [] : [file]), ...place, ...more];
}

async function send(smtp: Pick<TestSmtpServer, 'port'>, options: Sending = {}): Promise<Ended> {
  const environment = { HOME: home, ...options.environment };
  return await runCommand(argsFor(smtp, options), { input: 'hello', ...options, environment });
}

async function sendTo(behaviour: TestSmtpBehaviour, options: Sending = {}): Promise<Ended> {
  return await send(await fixture().startSmtp(behaviour), options);
}

/** One line on standard error and none elsewhere; gives the line. */
function complaint({ stdout, stderr }: Ended): string {
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^mailpush: [^\n]+\n$/);
  return stderr.trimEnd();
}

/** What is in a push to Alice, and by whom it is signed. */
async function read(
  raw: Uint8Array = new Uint8Array(),
): Promise<ReturnType<typeof readInner> & { signature: Signature }> {
  const { alice, senderKey } = fixture();
  const { armored } = await readMail(raw);
  const { data, signature } = await open(armored, { key: alice.key, signers: [senderKey.publicKey], now: Date.now() });
  return { ...readInner(data), signature };
}

/** Whether the command has its signal handlers yet (proc(5)): that for SIGHUP is the last, and Node has none of its own. */
async function handlesSignals(pid: number): Promise<boolean> {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & 1n) !== 0n;
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('mailpush send', () => {
  it('sends what is on standard input, and says the push id', async () => {
    const smtp = await fixture().startSmtp();
    const more = ['--ttl', '60', '--urgency', 'high', '--topic', 'news'];
    const { code, stdout, stderr } = await send(smtp, { input: 'hello', more });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const inner = await read(smtp.given[0]?.raw);
    expect(Buffer.from(inner.payload).toString()).toBe('hello');
    expect(inner).toMatchObject({ from, to: address, push: { ttlSeconds: 60, urgency: 'high', topic: 'news' } });
    expect(stdout).toBe(`The mail server has taken the push ${inner.push.id}.\n`);
  });

  it('sends the bytes of a file, 4096 of them too, to an endpoint on the command line', async () => {
    const smtp = await fixture().startSmtp();
    const file = join(home, 'payload');
    await writeFile(file, everyByte);
    const { code } = await send(smtp, { endpoint: fixture().alice.endpoint, file });
    expect(code).toBe(0);
    expect(Buffer.from((await read(smtp.given[0]?.raw)).payload)).toEqual(Buffer.from(everyByte));
  });

  it('makes a key for the address, keeps it for its owner alone, and uses it again', async () => {
    const smtp = await fixture().startSmtp();
    const [state, input] = [join(home, 'state'), 'x'];
    const place = ['--smtp', `smtp://127.0.0.1:${smtp.port}`, '--from', 'Other@app.example'];
    const args = ['send', `@${endpointFile}`, ...place];
    for (let count = 0; count < 2; count += 1) {
      const result = await runCommand(args, {
        environment: { HOME: home, XDG_STATE_HOME: state },
        input,
        before: 'umask 0',
      });
      expect(result.code).toBe(0);
    }
    const folder = join(state, 'mailpush/sender-keys');
    expect(await readdir(folder)).toEqual(['other%40app.example.asc']);
    expect((await stat(join(folder, 'other%40app.example.asc'))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const [one, two] = await Promise.all(smtp.given.map(({ raw }) => read(raw)));
    expect(one).toMatchObject({ from: 'Other@app.example', signature: { state: 'unknown-signer' } });
    expect(two?.signature).toEqual(one?.signature);
  });

  it('takes the password from MAILPUSH_SMTP_PASSWORD', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push@app.example', pass: 'p/w:@' } });
    const more = ['--smtp', `smtp://push%40app.example@127.0.0.1:${smtp.port}`];
    const { code } = await send(smtp, { more, environment: { MAILPUSH_SMTP_PASSWORD: 'p/w:@' } });
    expect(code).toBe(0);
    expect(smtp.given[0]).toMatchObject({ user: 'push@app.example' });
  });
});

describe('mailpush send exits with 2, sends nothing and makes no key', () => {
  const tooLong = Buffer.alloc(4097, 'x');
  const cases: readonly (readonly [string, Sending, string])[] = [
    ['for an endpoint that is none', { endpoint: 'alice@example.org' }, 'not a mail endpoint'],
    [
      'for an endpoint of a web server',
      { endpoint: 'https://push.example.org/x' },
      'push to it with a Web Push library',
    ],
    ['for no payload', { input: '' }, 'The payload is empty: a push has 1 to 4096 bytes'],
    ['for a payload of 4097 bytes', { input: tooLong }, 'The payload is over 4096 bytes: a push has 1 to 4096 bytes'],
    ['for a payload without end', { file: '/dev/zero' }, 'The payload is over 4096 bytes'],
    ['for a TTL that is no number', { more: ['--ttl', 'soon'] }, '--ttl is not a whole number of seconds'],
    [
      'for an unknown urgency',
      { more: ['--urgency', 'urgent'] },
      '--urgency is not one of very-low, low, normal, high',
    ],
    ['for a topic that is too long', { more: ['--topic', 'x'.repeat(33)] }, '--topic is not 1 to 32 letters'],
    ['for a mail server that is none', { more: ['--smtp', 'mail.app.example'] }, 'The smtp URL is not valid'],
    [
      'for a user without a password',
      { more: ['--smtp', 'smtps://push@mail.app.example'] },
      'no password: put it into the variable MAILPUSH_SMTP_PASSWORD',
    ],
    [
      'for a key file that is not there',
      { more: ['--key', '/there/is/none'] },
      '/there/is/none (--key) cannot be read',
    ],
    ['for a key file that is none', { more: ['--key', '/dev/null'] }, "The sender's key cannot be used"],
    ['for an unknown option', { more: ['--colour'] }, "unknown option '--colour'"],
  ];

  it.each(cases)('%s', async (_, options, expected) => {
    const smtp = await fixture().startSmtp();
    const result = await send(smtp, options);
    expect(complaint(result)).toContain(expected);
    expect(result.code).toBe(2);
    expect(smtp.connections()).toBe(0);
    expect((await readdir(home)).sort()).toEqual(['endpoint', 'key.asc']);
  });

  it.each(['--smtp', '--from'])('without %s', async (option) => {
    const args = argsFor({ port: 1 }, {});
    args.splice(args.indexOf(option), 2);
    const result = await runCommand(args, { environment: { HOME: home } });
    expect(complaint(result)).toContain(`required option '${option}`);
    expect(result.code).toBe(2);
  });

  it('before a key is made', async () => {
    const args = argsFor({ port: 1 }, { endpoint: 'alice@example.org' });
    args.splice(args.indexOf('--key'), 2);
    expect((await runCommand(args, { environment: { HOME: home }, input: 'x' })).code).toBe(2);
    expect((await readdir(home)).sort()).toEqual(['endpoint', 'key.asc']);
  });
});

describe('mailpush send tells what the mail server does not do:', () => {
  it('be there (69)', async () => {
    const result = await send({ port: await closedPort() });
    expect(complaint(result)).toContain('The SMTP server cannot be reached, or the connection was lost');
    expect(result.code).toBe(69);
  });

  it('take the mail (69), in its own words', async () => {
    const answer = { code: 554, text: '5.7.1 We do not \u001b[31mlike\u001b[0m this' };
    const result = await sendTo({ onMail: () => answer });
    expect(complaint(result)).toContain('The server said: 554 5.7.1 We do not');
    expect(result.stderr).not.toContain('\u001b');
    expect(result.code).toBe(69);
  });

  it('take it now (69)', async () => {
    const result = await sendTo({ onRecipient: () => ({ code: 450, text: '4.2.0 Greylisted' }) });
    expect(complaint(result)).toContain('The server said: 450 4.2.0 Greylisted');
    expect(result.code).toBe(69);
  });

  it('know the mailbox (69)', async () => {
    const result = await sendTo({ onRecipient: () => ({ code: 550, text: '5.1.1 No such user' }) });
    expect(complaint(result)).toContain('There is no such mailbox; forget this endpoint. The server said: 550 5.1.1');
    expect(result.code).toBe(69);
  });

  it('take the login (77)', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push', pass: 'right' } });
    const more = ['--smtp', `smtp://push@127.0.0.1:${smtp.port}`];
    const result = await send(smtp, { more, environment: { MAILPUSH_SMTP_PASSWORD: 'hunter2' } });
    expect(complaint(result)).toContain('check user and password. The server said: 535');
    expect(result.stderr).not.toContain('hunter2');
    expect(result.code).toBe(77);
    expect(smtp.given).toEqual([]);
  });

  it('speak TLS (69)', async () => {
    const smtp = await fixture().startSmtp();
    const result = await send(smtp, { more: ['--smtp', `smtps://127.0.0.1:${smtp.port}`] });
    expect(complaint(result)).toMatch(/SMTP server/);
    expect(result.code).toBe(69);
  });

  it('with the causes underneath when --verbose asks for them', async () => {
    const port = await closedPort();
    for (const more of [['--verbose'], []]) {
      const { stderr } = await send({ port }, { more });
      expect(/ \[ERR_SMTP_UNAVAILABLE\]\n {2}because: .*ECONNREFUSED/.test(stderr)).toBe(more.length > 0);
    }
  });
});

describe('mailpush send ends at once on SIGINT', () => {
  it('while it waits for its input', async () => {
    const running = startCommand(argsFor({ port: 1 }, {}), { environment: { HOME: home }, input: null });
    await expect.poll(() => handlesSignals(running.pid)).toBe(true);
    running.kill('SIGINT');
    const result = await running.ended;
    expect(complaint(result)).toContain('Ended by SIGINT.');
    expect(result.code).toBe(1);
  });

  it('while the mail server does not answer', async () => {
    let heard = (): void => {};
    const asked = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const behaviour: TestSmtpBehaviour = {
      onMail: () => {
        heard();
        return new Promise(() => {});
      },
    };
    const smtp = await fixture().startSmtp(behaviour);
    const running = startCommand(argsFor(smtp, {}), { environment: { HOME: home }, input: 'x' });
    await asked;
    running.kill('SIGINT');
    const result = await running.ended;
    expect(complaint(result)).toContain('The push was given up');
    expect(result.code).toBe(1);
  });
});
