import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { writeGatewayConfig } from '../gateway/gateway-process.js';
import { sealWith } from '../gateway/seal-with.js';
import { freePort } from '../tools/free-port.js';
import { type RunningCommand, runCommand, startCommand } from '../tools/run-command.js';
import { useSenderFixture } from '../tools/sender-fixture.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import type { TestSmtpBehaviour } from '../tools/test-smtp-server.js';
import { logged } from './daemon-setting.js';

const fixture = useSenderFixture();

interface Place {
  readonly directory: string;
  readonly config: string;
  readonly publicUrl: string;
  /** Writes the configuration anew with some of its lines replaced or added, by their keys. */
  change(values: Readonly<Record<string, string | undefined>>): Promise<void>;
}

/** A configuration that works, on a free port, for an SMTP server. */
async function place(smtpPort = 25): Promise<Place> {
  const directory = join(await temporaryDirectory(), 'gateway');
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const smtp = { host: '127.0.0.1', port: smtpPort };
  const config = await writeGatewayConfig({ directory, publicUrl, port, smtp, tls: false });
  const change = async (values: Readonly<Record<string, string | undefined>>): Promise<void> => {
    const lines = (await readFile(config, 'utf8')).split('\n');
    const kept = lines.filter((line) => !Object.hasOwn(values, line.split(' ')[0] ?? ''));
    const added = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]));
    await writeFile(config, [...kept, ...added].join('\n'));
  };
  return { directory, config, publicUrl, change };
}

async function smtpPort(behaviour: TestSmtpBehaviour = {}): Promise<number> {
  return (await fixture().startSmtp(behaviour)).port;
}

function start({ config }: Pick<Place, 'config'>, more: readonly string[] = []): RunningCommand {
  return startCommand(['gateway', '--config', config, ...more]);
}

const isReady = (gateway: RunningCommand): Promise<unknown> => gateway.said('stderr', /"event":"gateway\.ready"/);

describe('mailpush gateway', () => {
  it('answers /health, mails a push, logs no address and no endpoint, and ends with 0 by SIGTERM', async () => {
    const smtp = await fixture().startSmtp();
    const here = await place(smtp.port);
    const gateway = start(here);
    await isReady(gateway);
    const health = await fetch(`${here.publicUrl}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: 'ok', smtp: { state: 'ok' } });

    const endpoint = await sealWith(here.directory, here.publicUrl, fixture().alice.endpoint);
    const push = { method: 'POST', headers: { TTL: '60' }, body: 'Hello' };
    expect((await fetch(endpoint, push)).status).toBe(201);
    expect((await fetch(`${endpoint}x`, push)).status).toBe(404);
    expect(smtp.given.map(({ from, to }) => [from, to])).toEqual([['push@app.example', 'alice@example.org']]);

    gateway.kill('SIGTERM');
    const { code, stdout, stderr } = await gateway.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(logged(stderr, 'gateway.ended')).toHaveLength(1);
    for (const secret of ['alice', 'app.example', endpoint.slice(-40), endpoint.slice(30, 70), 'Hello']) {
      expect(stderr).not.toContain(secret);
    }
  });

  it('logs no address that the mail server repeats when it refuses a push', async () => {
    const port = await smtpPort({
      onRecipient: (address) => ({ code: 550, text: `5.7.1 <${address}> from push@app.example is unwelcome` }),
    });
    const here = await place(port);
    const gateway = start(here);
    await isReady(gateway);
    const endpoint = await sealWith(here.directory, here.publicUrl, fixture().alice.endpoint);
    const answer = await fetch(endpoint, { method: 'POST', headers: { TTL: '60' }, body: 'Hello' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await answer.text()).not.toMatch(/alice|app\.example/);
    gateway.kill('SIGTERM');
    const { code, stderr } = await gateway.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/alice|app\.example|unwelcome/);
  });

  it('logs in with the password of a file or a command, which it does not show', async () => {
    const login = { user: 'push@app.example', pass: 'correct horse' };
    const smtp = await fixture().startSmtp({ login });
    const here = await place();
    await writeFile(join(here.directory, 'password'), `${login.pass}\n`, { mode: 0o600 });
    const server = `"smtp://${login.user}@127.0.0.1:${smtp.port}"`;
    for (const way of [{ password_file: '"password"' }, { password_command: '"cat password"' }]) {
      await here.change({ smtp: server, password_file: undefined, password_command: undefined, ...way });
      const gateway = startCommand(['gateway', '--config', here.config], { directory: here.directory });
      await isReady(gateway);
      const health = (await (await fetch(`${here.publicUrl}/health`)).json()) as { status: string };
      expect(health.status).toBe('ok');
      gateway.kill('SIGINT');
      const { code, stderr } = await gateway.ended;
      expect(code).toBe(0);
      expect(stderr).not.toContain(login.pass);
    }
  });

  // A push is tried for as long as an app server waits for its answer.
  it('stays up without its mail server, says so, and answers 503 to a push', { timeout: 60_000 }, async () => {
    const here = await place(await freePort());
    const gateway = start(here);
    await isReady(gateway);
    const health = await fetch(`${here.publicUrl}/health`);
    expect(health.status).toBe(503);
    const endpoint = await sealWith(here.directory, here.publicUrl, fixture().alice.endpoint);
    const answer = await fetch(endpoint, { method: 'POST', headers: { TTL: '60' }, body: 'Hello' });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    gateway.kill('SIGTERM');
    const { code, stderr } = await gateway.ended;
    expect(code).toBe(0);
    expect(logged(stderr, 'gateway.smtp.failing')).toHaveLength(1);
  });

  it('warns when it speaks plain HTTP to other machines', async () => {
    const here = await place(await smtpPort());
    const port = new URL(here.publicUrl).port;
    await here.change({ listen: `"0.0.0.0:${port}"` });
    const gateway = start(here);
    await isReady(gateway);
    gateway.kill('SIGTERM');
    const { stderr } = await gateway.ended;
    expect(logged(stderr, 'gateway.plain')).toMatchObject([{ level: 40 }]);
  });
});

describe('mailpush gateway that cannot start', () => {
  async function end(here: Pick<Place, 'config'>): Promise<{ code: unknown; said: string }> {
    const { code, stdout, stderr } = await start(here).ended;
    expect(stdout).toBe('');
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(lines).toHaveLength(1);
    const [line = ''] = lines;
    expect(line).toMatch(/^mailpush: \S/);
    return { code, said: line };
  }

  it.each([
    ['an unknown key', { colour: '"red"' }, 'gateway.colour is not known: remove it'],
    ['no secret', { secret_file: '"new"' }, 'umask 077; head -c 32 /dev/urandom | base64 > '],
    ['no key', { key_file: '"new"' }, 'mailpush keygen --addr push@app.example --out '],
    ['the key of another address', { from: '"other@app.example"' }, 'gateway.key_file is not for the address in from'],
    ['something else than a key', { key_file: '"gateway.toml"' }, 'gateway.key_file cannot be used'],
    ['something else than a secret', { secret_file: '"gateway.asc"' }, 'gateway.secret_file line 1 is not 32 bytes'],
    ['an address of another machine', { listen: '"192.0.2.1:0"' }, 'gateway.listen is no address of this machine'],
    ['a long public URL', { public_url: `"https://${'a'.repeat(50)}.example.org"` }, 'gateway.public_url leaves'],
    ['a bad Redis', { redis: '"redis.example.org"' }, 'gateway.redis is not a URL'],
  ])('because of %s exits with 78, in one line that names the file', async (_, values, expected) => {
    const here = await place();
    await chmod(here.config, 0o600);
    await here.change(values);
    const { code, said } = await end(here);
    expect(said).toContain(`${here.config}: `);
    expect(said).toContain(expected);
    expect(code).toBe(78);
  });

  it('without a section of its own, or without a file, exits with 78', async () => {
    const here = await place();
    await writeFile(here.config, '[account]\naddress = "alice@example.org"\nimap = "imaps://mail.example.org"\n');
    expect(await end(here)).toEqual({
      code: 78,
      said: `mailpush: ${here.config}: [gateway] is missing: add the section.`,
    });
    const { code, stderr } = await runCommand(['gateway'], { environment: { HOME: here.directory } });
    expect(stderr).toContain(`${here.directory}/.config/mailpush/config.toml is not there: create it`);
    expect(code).toBe(78);
  });

  it('because its password is refused exits with 77, without showing it', async () => {
    const smtp = await smtpPort({ login: { user: 'push@app.example', pass: 'another' } });
    const here = await place();
    await writeFile(join(here.directory, 'password'), 'hunter2\n', { mode: 0o600 });
    await here.change({ smtp: `"smtp://push@app.example@127.0.0.1:${smtp}"`, password_file: '"password"' });
    const { code, said } = await end(here);
    expect(code).toBe(77);
    expect(said).not.toContain('hunter2');
  });

  it('because its password command fails exits with 78, without showing it', async () => {
    const here = await place();
    await here.change({ smtp: '"smtp://push@127.0.0.1"', password_command: '"echo hunter2; exit 3"' });
    const { code, said } = await end(here);
    expect(said).toContain('gateway.password_command failed (exit 3): run the command by hand and look.');
    expect(code).toBe(78);
  });

  it('because another program has its port exits with 69', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const address = other.address();
    const here = await place(await smtpPort());
    await here.change({ listen: `"127.0.0.1:${typeof address === 'object' ? address?.port : ''}"` });
    const { code, said } = await end(here);
    expect(said).toContain('Another program listens at gateway.listen: end it, or choose another port.');
    expect(code).toBe(69);
  });
});
