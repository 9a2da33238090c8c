import { execFileSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/tools/temporary-directory.js';
import { ConfigError } from './errors.js';
import { loadConfig } from './load-config.js';
import { type GatewayConfig, loadGatewayConfig } from './load-gateway-config.js';

const secret = Buffer.alloc(32, 7).toString('base64');
const least = {
  public_url: '"https://push.example.org"',
  secret_file: '"gateway.secret"',
  smtp: '"smtps://push@app.example@mail.app.example"',
  from: '"push@app.example"',
  key_file: '"gateway.asc"',
  password_file: '"password"',
};
const files = { 'gateway.secret': `${secret}\n`, 'gateway.asc': 'a key\n', password: 'correct horse\n' };
type Values = Readonly<Record<string, string | undefined>>;

/** The least configuration with other values; undefined takes a key away. */
function document(values: Values = {}): string {
  const lines = Object.entries({ ...least, ...values }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${value}`],
  );
  return `[gateway]\n${lines.join('\n')}\n`;
}

async function write(content: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = await temporaryDirectory();
  for (const [name, text] of Object.entries({ ...files, ...more })) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
  }
  const file = join(directory, 'config.toml');
  await writeFile(file, content);
  return file;
}

async function load(values: Values = {}, more: Readonly<Record<string, string>> = {}): Promise<GatewayConfig> {
  return await loadGatewayConfig(await write(document(values), more));
}

async function errorOf(file: string): Promise<ConfigError> {
  const error: unknown = await loadGatewayConfig(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

/** What the message says after the name of the file. */
async function complaint(values: Values, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const file = await write(document(values), more);
  const { message } = await errorOf(file);
  expect(message).toMatch(/^[^\n]*\.$/);
  expect(message.startsWith(`${file}: gateway.`)).toBe(true);
  return message.slice(file.length + 2).replaceAll(join(file, '..'), 'DIR');
}

describe('the configuration of a gateway', () => {
  it('needs six keys; everything else has a default', async () => {
    const { password, keyFile, ...config } = await load();
    expect(config).toEqual({
      listen: { host: '127.0.0.1', port: 8480 },
      publicUrl: 'https://push.example.org',
      secrets: `${secret}\n`,
      smtp: { url: 'smtps://push@app.example@mail.app.example', user: 'push@app.example' },
      from: 'push@app.example',
      key: 'a key\n',
      redis: undefined,
      tls: undefined,
      trustedProxies: ['127.0.0.0/8', '::1/128'],
      ca: undefined,
      insecure: false,
    });
    expect(keyFile).toMatchObject({ key: 'gateway.key_file', path: 'gateway.asc' });
    expect(await password?.(AbortSignal.timeout(10_000))).toBe('correct horse');
  });

  it('needs no section [account], nor does that one need it', async () => {
    const account = '[account]\naddress = "alice@example.org"\nimap = "imaps://mail.example.org"\n';
    const both = await write(`${document()}${account}password_file = "password"\n`);
    expect((await loadGatewayConfig(both)).from).toBe('push@app.example');
    expect((await loadConfig(both)).address).toBe('alice@example.org');
    const only = await write(document());
    await expect(loadConfig(only)).rejects.toThrow(`${only}: [account] is missing: add the section.`);
    const other = await write(`${account}password_file = "password"\n`);
    await expect(loadGatewayConfig(other)).rejects.toThrow(`${other}: [gateway] is missing: add the section.`);
    expect((await loadConfig(other)).address).toBe('alice@example.org');
  });

  it('may name a mail server without a login, and a command for the password of one with it', async () => {
    const open = await load({ smtp: '"smtp://127.0.0.1"', password_file: undefined });
    expect([open.smtp.user, open.password]).toEqual([undefined, undefined]);
    const { password } = await load({ password_file: undefined, password_command: '"echo from a command"' });
    expect(await password?.(AbortSignal.timeout(10_000))).toBe('from a command');
    const failing = await load({ password_file: undefined, password_command: '"echo hunter2; exit 3"' });
    await expect(failing.password?.(AbortSignal.timeout(10_000))).rejects.toThrow(
      /gateway\.password_command failed \(exit 3\): run the command by hand and look\.$/,
    );
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:8480', { host: '::1', port: 8480 }],
    ['[::]:65535', { host: '::', port: 65_535 }],
    ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['Localhost:1', { host: 'localhost', port: 1 }],
  ])('listens on %s', async (text, expected) => {
    expect((await load({ listen: JSON.stringify(text) })).listen).toEqual(expected);
  });

  it('believes proxies on this machine only where it listens on this machine, unless told otherwise', async () => {
    expect((await load({ listen: '"[::1]:0"' })).trustedProxies).not.toEqual([]);
    expect((await load({ listen: '"0.0.0.0:0"' })).trustedProxies).toEqual([]);
    const named = await load({ listen: '"0.0.0.0:0"', trusted_proxies: '["10.0.0.0/8", "fd00::/8", "192.0.2.1"]' });
    expect(named.trustedProxies).toEqual(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
    expect((await load({ trusted_proxies: '[]' })).trustedProxies).toEqual([]);
  });

  it('may have a public URL with a port and a slash, and a plain one on this machine', async () => {
    const { publicUrl } = await load({ public_url: '"HTTPS://Push.example.org:8443/"' });
    expect(publicUrl).toBe('https://push.example.org:8443');
    expect((await load({ public_url: '"http://127.0.0.1:8480"' })).publicUrl).toBe('http://127.0.0.1:8480');
    expect((await load({ public_url: '"http://[::1]:8480"' })).publicUrl).toBe('http://[::1]:8480');
  });

  it.each([
    ['redis://127.0.0.1:6379', {}],
    ['unix:///run/redis/redis.sock', {}],
    ['redis://localhost', {}],
    ['rediss://mailpush@redis.example.org/3', {}],
    ['redis://redis/15', { insecure: 'true' }],
  ])('takes %s for a Redis', async (url, more) => {
    expect((await load({ redis: JSON.stringify(url), ...more })).redis).toEqual({ url, password: undefined });
  });

  it('has the password of Redis in a file', async () => {
    const config = await load({ redis: '"redis://127.0.0.1"', redis_password_file: '"r"' }, { r: 'swordfish\n' });
    expect(config.redis?.password).toBe('swordfish');
  });
});

describe('a mistake in the configuration of a gateway is told in one line with file, key and remedy:', () => {
  it.each<[string, Values, string]>([
    ['an unknown key', { colour: '"red"' }, 'gateway.colour is not known: remove it, or check its spelling'],
    ['a password in the file', { password: '"x"' }, 'gateway.password is not known, as no secret stands in this file'],
    ['a secret in the file', { secret: '"x"' }, 'as no secret stands in this file: use secret_file.'],
    ['a missing key', { public_url: undefined }, 'gateway.public_url is missing: add it.'],
    ['a number for a text', { listen: '8480' }, 'gateway.listen must be a text in quotes, not a number.'],
    ['a port alone', { listen: '":8480"' }, 'gateway.listen is not host:port: write it like 127.0.0.1:8480'],
    ['a host alone', { listen: '"127.0.0.1"' }, 'gateway.listen is not host:port'],
    ['a port that cannot be', { listen: '"127.0.0.1:65536"' }, 'gateway.listen is not host:port'],
    ['IPv6 without brackets', { listen: '"::1:8480"' }, 'gateway.listen is not host:port'],
    ['no URL', { public_url: '"push.example.org"' }, 'gateway.public_url is not a URL: write it like https://push.'],
    [
      'plain HTTP',
      { public_url: '"http://push.example.org"' },
      'gateway.public_url goes to another machine without TLS: use https://.',
    ],
    ['a path', { public_url: '"https://example.org/push"' }, 'gateway.public_url must end after host and port'],
    ['a user', { public_url: '"https://a@example.org"' }, 'gateway.public_url must name no user'],
    ['a bad mail server', { smtp: '"mail.app.example"' }, 'gateway.smtp is not a URL: write it like smtps://push@'],
    ['a web server', { smtp: '"https://x"' }, 'must begin with smtps://, smtp+starttls:// or smtp://.'],
    ['a password in it', { smtp: '"smtps://push:secret@x"' }, 'gateway.smtp must hold no password: use password_comm'],
    [
      'a display name',
      { from: '"Push <push@app.example>"' },
      'gateway.from is not a plain mail address: write it like',
    ],
    [
      'two ways to the password',
      { password_command: '"x"' },
      'gateway.password_file is one too many: keep either it or password_command.',
    ],
    [
      'no way to the password',
      { password_file: undefined },
      'gateway.password_command is missing, as smtp names a user: add it, or password_file.',
    ],
    [
      'a password for nobody',
      { smtp: '"smtp://127.0.0.1"' },
      'gateway.smtp names no user for the password: write it like smtps://push@mail.app.example, or remove password_file.',
    ],
    ['a bad Redis', { redis: '"127.0.0.1:6379"' }, 'gateway.redis is not a URL: write it like rediss:'],
    [
      'a socket of Redis that cannot be',
      { redis: '"unix:///run/a%zz"' },
      'gateway.redis has a path that is not percent-encoded',
    ],
    ['more than a number', { redis: '"redis://127.0.0.1/a"' }, 'gateway.redis must end after host and port: only the'],
    ['a password for Redis', { redis: '"redis://a:b@127.0.0.1"' }, 'must hold no password: use redis_password_file.'],
    [
      'a Redis elsewhere without TLS',
      { redis: '"redis://redis.example.org"' },
      'gateway.redis goes to another machine without TLS: use rediss://, or set insecure = true.',
    ],
    ['a password for no Redis', { redis_password_file: '"password"' }, 'gateway.redis is missing, as redis_password'],
    [
      'a certificate alone',
      { tls_cert_file: '"c"' },
      'gateway.tls_key_file is missing, as tls_cert_file is there: add',
    ],
    ['a key alone', { tls_key_file: '"k"' }, 'gateway.tls_cert_file is missing, as tls_key_file is there: add it.'],
    ['a proxy by name', { trusted_proxies: '["10.0.0.1", "proxy"]' }, 'in place 2: write it like 10.0.0.0/8.'],
    ['a network that cannot be', { trusted_proxies: '["10.0.0.0/33"]' }, 'gateway.trusted_proxies has something else'],
    [
      'no list',
      { trusted_proxies: '"10.0.0.1"' },
      'gateway.trusted_proxies must be a list of texts in [ ], not a text',
    ],
    [
      'no secret',
      { secret_file: '"new secret"' },
      "gateway.secret_file names DIR/new secret, which is not there: run `umask 077; head -c 32 /dev/urandom | base64 > 'DIR/new secret'` to make it.",
    ],
    [
      'no key',
      { key_file: '"new.asc"' },
      'gateway.key_file names DIR/new.asc, which is not there: run `mailpush keygen --addr push@app.example --out DIR/new.asc` to make it.',
    ],
    ['no password', { password_file: '"new"' }, 'gateway.password_file names DIR/new, which cannot be read (ENOENT)'],
    ['no authority', { ca_file: '"new.pem"' }, 'gateway.ca_file names DIR/new.pem, which cannot be read (ENOENT)'],
  ])('%s', async (_, values, expected) => {
    expect(await complaint(values)).toContain(expected);
  });

  it.each(['gateway.secret', 'gateway.asc', 'password'])('others can read %s', async (name) => {
    const file = await write(document());
    await chmod(join(file, '..', name), 0o640);
    expect((await errorOf(file)).message).toContain(`${name}, which others can read: run chmod 600 on it.`);
  });

  it('a key outside of its section, in words that name the section that is read', async () => {
    const file = await write('smtp = "smtp://127.0.0.1"\n');
    expect((await errorOf(file)).message).toBe(
      `${file}: smtp belongs to the section [gateway]: put it below a line that says so.`,
    );
  });
});

describe('a certificate of a gateway', () => {
  async function certificate(directory: string, name: string): Promise<void> {
    const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.pem`)];
    const subject = ['-subj', '/CN=push.example.org', '-days', '2'];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject];
    execFileSync('openssl', [...made, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    await chmod(key, 0o600);
  }
  const values = { tls_cert_file: '"a.pem"', tls_key_file: '"a.key"' };

  it('is read with its key', async () => {
    const file = await write(document(values));
    await certificate(join(file, '..'), 'a');
    const { tls } = await loadGatewayConfig(file);
    expect(tls).toEqual({
      cert: await readFile(join(file, '../a.pem'), 'utf8'),
      key: await readFile(join(file, '../a.key'), 'utf8'),
    });
  });

  it('is refused with the key of another, with no key, and with a key that others can read', async () => {
    const file = await write(document({ ...values, tls_key_file: '"b.key"' }));
    await certificate(join(file, '..'), 'a');
    await certificate(join(file, '..'), 'b');
    expect((await errorOf(file)).message).toContain(
      'which is not the key of the certificate in gateway.tls_cert_file: name the right files.',
    );
    await writeFile(join(file, '../b.key'), 'no key');
    expect((await errorOf(file)).message).toContain('which is no private key in PEM without a passphrase');
    await chmod(join(file, '../b.key'), 0o644);
    expect((await errorOf(file)).message).toContain('b.key, which others can read: run chmod 600 on it.');
  });
});
