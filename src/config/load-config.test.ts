import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { createChannel } from '../../test/tools/sender-fixture.js';
import { makeTemporaryDirectory, temporaryDirectory } from '../../test/tools/temporary-directory.js';
import { isAddress, limits } from '../notify-spec/index.js';
import { ConfigError } from './errors.js';
import { type Config, loadConfig } from './load-config.js';
import { configKeys } from './schema.js';

const certificate = `-----BEGIN CERTIFICATE-----
MIIBgjCCASmgAwIBAgIUBAiykmkKtgMoy/RXMMymYgwGZZYwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwIBcNMjYxMTIxMDIwNjU2WhgPMjEyNjEw
MjgwMjA2NTZaMBYxFDASBgNVBAMMC2V4YW1wbGUub3JnMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEL9TP74LZFNKMmrMKPfrwCjRfZcNuxNDlf25cPJv7UL6L9lu0
+YT6dgDOKUSN9mCsXvLBLNN4TcwADGnUPSQ+h6NTMFEwHQYDVR0OBBYEFPtPaSHT
g74nzJWTy6P6gVr/27uWMB8GA1UdIwQYMBaAFPtPaSHTg74nzJWTy6P6gVr/27uW
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgYPEsOkF9XDU5ojNt
4CtQ2ukG2/pf4Dwv7eKGnaoIhJ4CIERE4hM482zaf3+nHEsUhF6OdFhwRuzoXIn8
nYl3pRuf
-----END CERTIFICATE-----
`;

const address = 'address = "alice@example.org"';
const imap = 'imap = "imaps://alice@mail.example.org"';
const password = 'password_command = "echo secret"';
const account = `[account]\n${address}\n${imap}\n${password}\n`;

/** Text that must never be printed as it is: it moves the cursor, colours, or turns the writing around. */
const evil = '\u001b[2J\u0007\u009b31m\u202e\u2028';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2028\u2029]/;

async function write(content: string | Uint8Array, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const file = join(directory, 'config.toml');
  await writeFile(file, content);
  return file;
}

async function load(content: string, files: Readonly<Record<string, string>> = {}): Promise<Config> {
  return await loadConfig(await write(content, files));
}

async function errorOf(file: string): Promise<ConfigError> {
  const error: unknown = await loadConfig(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

/** What the message says after the name of the file; the whole message is one printable line. */
async function complaint(content: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const file = await write(content, files);
  const { code, message, disposition } = await errorOf(file);
  expect(disposition).toBe('action-required');
  expect(code).toMatch(/^ERR_CONFIG_/);
  expect(message).not.toMatch(unprintable);
  expect(message.startsWith(file)).toBe(true);
  return message.slice(file.length).replace(/^: /, '');
}

/** The configuration with one key replaced or added. */
const withLine = (line: string): string => {
  const key = line.split(' ')[0] ?? '';
  const others = [address, imap, password].filter((other) => !other.startsWith(`${key} `));
  return `[account]\n${[...others, line].join('\n')}\n`;
};

describe('a configuration', () => {
  it('needs only address, mail server and one way to the password; everything else has a default', async () => {
    const { credentials, ...config } = await load(account);
    expect(config).toEqual({
      address: 'alice@example.org',
      imap: { host: 'mail.example.org', port: 993, security: 'tls', user: 'alice' },
      sieve: { host: 'mail.example.org', port: 4190, mustEncrypt: true, user: 'alice' },
      folder: 'INBOX',
      ca: undefined,
      pollMs: 60_000,
      keepRejected: false,
      apps: 'allow',
      unused: [],
    });
    expect(await credentials(AbortSignal.timeout(10_000))).toEqual({ kind: 'password', password: 'secret' });
  });

  it('takes the user from the address when the URL names none', async () => {
    expect((await load(withLine('imap = "imaps://mail.example.org"'))).imap.user).toBe('alice@example.org');
  });

  it('can set every key', async () => {
    const config = await load(
      `${account}folder = "Push"\ninsecure = true\nca_file = "ca.pem"\nkeep_rejected = true\npoll_seconds = 5\napps = "deny"\n`,
      { 'ca.pem': `Some authority\n${certificate}${certificate}` },
    );
    expect(config).toMatchObject({
      folder: 'Push',
      keepRejected: true,
      pollMs: 5000,
      apps: 'deny',
      ca: certificate.repeat(2),
    });
  });

  it('names what is set but not used by this version', async () => {
    const more = 'gateway = "https://push.example.org"\nsmtp = "smtps://mail.example.org"\n';
    const config = await load(account + more);
    expect(config.unused).toEqual(['account.smtp']);
    expect(config.gateway).toBe('https://push.example.org');
  });

  it('may begin with a byte order mark and have CRLF at its line ends', async () => {
    expect((await load(`\ufeff${account.replaceAll('\n', '\r\n')}`)).address).toBe('alice@example.org');
  });

  it('finds its files next to itself, and from the home folder', async () => {
    const files = { 'password.txt': 'secret\nignored\n', 'ca.pem': certificate };
    const config = await load(
      withLine('ca_file = "ca.pem"').replace(password, 'password_file = "password.txt"'),
      files,
    );
    expect(await config.credentials(AbortSignal.timeout(0))).toEqual({ kind: 'password', password: 'secret' });
    expect(await complaint(withLine('ca_file = "~/there is/no such file"'))).toContain(
      join(homedir(), 'there is/no such file'),
    );
  });

  it('asks for the password anew at every login', async () => {
    const file = await write(account.replace(password, 'password_file = "p"'), { p: 'old' });
    const { credentials } = await loadConfig(file);
    await writeFile(join(file, '../p'), 'new');
    expect(await credentials(AbortSignal.timeout(0))).toEqual({ kind: 'password', password: 'new' });
  });

  it('can give an access token', async () => {
    const { credentials } = await load(account.replace(password, 'token_command = "echo t0ken"'));
    expect(await credentials(AbortSignal.timeout(10_000))).toEqual({ kind: 'token', token: 't0ken' });
  });
});

describe('a mistake in the configuration is told in one line with file, key and remedy:', () => {
  it.each([
    ['an unknown key', withLine('colour = "red"'), 'account.colour is not known: remove it, or check its spelling'],
    [
      'a misspelt key rather than the one that is missing for it',
      `[account]\nadress = "alice@example.org"\n${imap}\n${password}\n`,
      'account.adress is not known: remove it, or check its spelling',
    ],
    ['a key with odd characters', withLine('"a b" = 1'), 'account."a b" is not known'],
    ['__proto__', `${account}["__proto__"]\nx = 1\n`, '__proto__ is not known'],
    [
      'a password in the file',
      withLine('password = "secret"'),
      'account.password is not known, as no secret stands in',
    ],
    ['an unknown section', `${account}[other]\nx = 1\n`, 'other is not known: remove it'],
    [
      'a misspelt section',
      account.replace('account', 'acount'),
      'acount is not known: remove it, or check its spelling',
    ],
    ['keys outside of the section', `${address}\n${imap}\n`, 'address belongs to the section [account]: put it below'],
    ['no section', '', '[account] is missing: add the section.'],
    [
      'something else than a section',
      'account = 3',
      '[account] must be a section: write [account] on a line of its own',
    ],
    ['a list of sections', `[[account]]\n${address}`, '[account] must be one section: write [account]'],
    ['a missing key', `[account]\n${imap}\n${password}\n`, 'account.address is missing: add it.'],
    ['an empty text', withLine('folder = ""'), 'account.folder is empty: give it a value, or remove it.'],
    ['a number for a text', withLine('folder = 3'), 'account.folder must be a text in quotes, not a number.'],
    ['a date for a text', withLine('address = 2026-11-02'), 'account.address must be a text in quotes, not a date.'],
    ['a list for a text', withLine('imap = []'), 'account.imap must be a text in quotes, not a list.'],
    ['a section for a text', withLine('imap = {}'), 'account.imap must be a text in quotes, not a section.'],
    [
      'a text for a flag',
      withLine('keep_rejected = "yes"'),
      'account.keep_rejected must be true or false, not a text in quotes.',
    ],
    ['a number for a flag', withLine('insecure = 1'), 'account.insecure must be true or false, not a number.'],
    ['a number that is too small', withLine('poll_seconds = 0'), 'account.poll_seconds must be a whole number from 1'],
    ['a fraction', withLine('poll_seconds = 1.5'), 'account.poll_seconds must be a whole number from 1 to 3600.'],
    ['another choice', withLine('apps = "some"'), 'account.apps must be "allow" or "deny".'],
    ['no choice', withLine('apps = true'), 'account.apps must be "allow" or "deny".'],
    [
      'a choice that is not built yet',
      withLine('apps = "ask"'),
      'account.apps cannot be "ask" in this version yet: use "allow" or "deny".',
    ],
    ['a line break in the folder', withLine('folder = "a\\nb"'), 'account.folder must have no control characters.'],
    [
      'two ways to the password',
      withLine('password_file = "p"'),
      'account.password_file is one too many: keep either it or password_command.',
    ],
    [
      'a password and a token',
      withLine('token_command = "t"'),
      'account.token_command is one too many: keep either it or password_command.',
    ],
    [
      'no way to the password',
      `[account]\n${address}\n${imap}\n`,
      'account.password_command is missing: add it, or password_file or token_command.',
    ],
    [
      'a display name',
      withLine('address = "Alice <alice@example.org>"'),
      'account.address is not a plain mail address',
    ],
    ['half an address', withLine('address = "alice"'), 'write it like alice@example.org.'],
    ['a bad mail server', withLine('imap = "mail.example.org"'), 'account.imap is not a URL: write it like imaps://'],
    [
      'plain IMAP to another machine',
      withLine('imap = "imap://mail.example.org"'),
      'account.imap goes to another machine without TLS: use imaps:// or imap+starttls://, or set insecure = true.',
    ],
  ])('%s', async (_, content, expected) => {
    expect(await complaint(content)).toContain(expected);
  });

  it('no TOML, with line and column and without what stands there', async () => {
    const said = await complaint(`[account]\n${password}\naddress = alice\n`);
    expect(said).toBe(' is not valid TOML at line 3, column 11 (invalid value): correct it there.');
    const { cause } = await errorOf(await write('password_command = "echo secret'));
    expect(cause).toBeUndefined();
  });

  it('no UTF-8', async () => {
    const file = await write(Buffer.concat([Buffer.from(account), Buffer.from([0xff])]));
    expect((await errorOf(file)).message).toBe(`${file} is not UTF-8: save it in that encoding.`);
  });

  it('no file, a folder, a file without an end', async () => {
    const directory = await temporaryDirectory();
    const missing = join(directory, 'config.toml');
    expect((await errorOf(missing)).message).toBe(
      `${missing} is not there: create it (docs/configuration.md shows one), or name another with --config.`,
    );
    expect((await errorOf(directory)).message).toBe(`${directory} is a folder: name the file in it with --config.`);
    expect((await errorOf('/dev/zero')).message).toContain('/dev/zero is too large for a configuration');
    expect((await errorOf(missing)).code).toBe('ERR_CONFIG_FILE');
  });

  it('a password file that is missing, empty, a folder, or open to others', async () => {
    const content = account.replace(password, 'password_file = "p"');
    const file = await write(content);
    const path = join(file, '../p');
    const said = async (): Promise<string> => (await errorOf(file)).message;
    const begin = `${file}: account.password_file names ${path}, which `;
    expect(await said()).toBe(`${begin}cannot be read (ENOENT): correct the path or the permissions.`);
    await writeFile(path, '\nsecret', { mode: 0o600 });
    expect(await said()).toBe(`${begin}is empty: write the password into its first line.`);
    await writeFile(path, 'secret');
    for (const mode of [0o604, 0o640, 0o666, 0o602, 0o660]) {
      await chmod(path, mode);
      expect(await said()).toBe(`${begin}others can read: run chmod 600 on it.`);
    }
    await chmod(path, 0o400);
    await expect(loadConfig(file)).resolves.toMatchObject({ address: 'alice@example.org' });
    const folder = await write(content);
    await mkdir(join(folder, '../p'), { mode: 0o700 });
    expect((await errorOf(folder)).message).toContain('which is not a file: correct the path.');
  });

  it('certificates that are missing, none, or damaged', async () => {
    const content = withLine('ca_file = "ca.pem"');
    const damaged = certificate.replace(/\n[\w+/]{10}/, '\nAAAAAAAAAA');
    expect(await complaint(content)).toMatch(/^account\.ca_file names \S+, which cannot be read \(ENOENT\): correct/);
    expect(await complaint(content, { 'ca.pem': 'x' })).toContain('which holds no certificate in PEM: name the right');
    expect(await complaint(content, { 'ca.pem': certificate + damaged })).toContain(
      'which holds a certificate that is',
    );
  });

  it.each([
    ['in a key', `[account]\n${JSON.stringify(evil)} = 1\n`],
    ['in a path', withLine(`ca_file = ${JSON.stringify(evil)}`)],
    ['in an address', withLine(`address = ${JSON.stringify(`alice${evil}@example.org`)}`)],
    ['in the mail server', withLine(`imap = ${JSON.stringify(`imaps://${evil}@mail.example.org/${evil}`)}`)],
    ['in a section', `${account}[${JSON.stringify(evil)}]\n`],
    ['between the keys', `${account}${evil}`],
  ])('control characters %s, without repeating them', async (_, content) => {
    expect(await complaint(content.replaceAll('\u009b', '\\u009b'))).not.toContain('[2J\u0007');
  });

  it('a key without end, in a line that has one', async () => {
    expect((await complaint(`[account]\n${'a'.repeat(100_000)} = 1\n`)).length).toBeLessThan(300);
  });
});

describe('an address in the configuration', () => {
  const longest = `${'a'.repeat(64)}@push.mail.example.org`.padEnd(90, 'x');

  it('may have 90 characters, for which there is an endpoint, and no more', async () => {
    expect((await load(withLine(`address = "${longest}"`))).address).toBe(longest);
    expect((await createChannel(longest)).endpoint.length).toBeLessThanOrEqual(limits.endpointBytes);
    expect(await complaint(withLine(`address = "${longest}x"`))).toContain(
      'account.address is over 90 characters, which no endpoint has room for: use a shorter one.',
    );
  });

  it('is taken exactly when an endpoint can carry it', async () => {
    const directory = await makeTemporaryDirectory();
    const file = join(directory.path, 'config.toml');
    const part = fc.string({ unit: fc.constantFrom(...'aZ09.-_+%\'"(ü @'), minLength: 0, maxLength: 6 });
    const long = fc.constantFrom('a'.repeat(63), 'b'.repeat(64), 'c'.repeat(65));
    const any = fc.tuple(fc.oneof(part, long), fc.oneof(part, long), part).map(([a, b, c]) => `${a}@${b}.${c}`);
    const sane = fc.emailAddress();
    const property = fc.asyncProperty(fc.oneof(any, sane), async (text) => {
      await writeFile(file, withLine(`address = ${JSON.stringify(text)}`));
      const taken = await loadConfig(file).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(ConfigError);
          return false;
        },
      );
      expect(taken, text).toBe(isAddress(text) && text.length <= 90);
    });
    try {
      await fc.assert(property, { numRuns: 200 });
    } finally {
      await directory.remove();
    }
  });
});

describe('any file at all', () => {
  const keys = configKeys('account').map(({ key }) => key);
  /** TOML has no half surrogate pairs. */
  const wellFormed = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => Buffer.from(text).toString());
  const value: fc.Arbitrary<unknown> = fc.oneof(
    { maxDepth: 2 },
    wellFormed,
    fc.constantFrom('imaps://alice@mail.example.org', 'imap://[::1]:143', 'alice@example.org', '/', '.', '~/', 'deny'),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-01-01') }),
    fc.array(fc.integer(), { maxLength: 2 }),
    fc.dictionary(fc.string({ maxLength: 3 }), fc.integer(), { maxKeys: 2 }),
  );
  const key = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...keys) }, { weight: 1, arbitrary: wellFormed });
  const table = fc.dictionary(key, value, { maxKeys: 6 });
  const document = fc.oneof(
    fc.record({ account: table }),
    fc.record({ account: fc.oneof(value, table), gateway: value }, { requiredKeys: [] }),
    table,
  );
  const source = fc.oneof(
    document.map((one) => stringify(one)),
    fc.string({ unit: 'binary' }),
    fc.string().map((text) => account + text),
  );

  it('is read, or refused with a ConfigError of one printable line', async () => {
    const directory = await makeTemporaryDirectory();
    const file = join(directory.path, 'config.toml');
    const property = fc.asyncProperty(source, async (text) => {
      await writeFile(file, text);
      const error: unknown = await loadConfig(file).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) return;
      expect(error).toBeInstanceOf(ConfigError);
      const { message } = error as ConfigError;
      expect(message).not.toMatch(unprintable);
      expect(message).toContain(file);
      expect(message).toMatch(/: .*\.$/);
    });
    try {
      await fc.assert(property, { numRuns: 300 });
    } finally {
      await directory.remove();
    }
  });
});
