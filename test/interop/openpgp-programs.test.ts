import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armorPrivateKey, parseAutocrypt, parsePublicKey } from '../../src/crypto/index.js';
import { parseEndpoint, readMail } from '../../src/notify-spec/index.js';
import { createSender } from '../../src/sender/index.js';
import { startBusApp } from '../apps/bus-app.js';
import { embedded } from '../mail-servers/embedded.js';
import { createSetting, type Setting } from '../system/setting.js';
import { findProgram } from '../tools/find-program.js';
import { createChannel, from, useSenderFixture } from '../tools/sender-fixture.js';
import { composeByHand } from './composed-by-hand.js';
import { canRun } from './outside-program.js';

/** What an OpenPGP program can do, each with files of its own folder. */
interface OpenPgpProgram {
  /** Makes the app server's key, and gives its public half in binary. */
  makeKey(address: string): Promise<Uint8Array>;
  /** Its private half, armored. */
  exportKey(address: string): Promise<string>;
  /** Signs with the key that it made and encrypts to a certificate. */
  seal(inner: string, recipient: Uint8Array): Promise<string>;
  /** Decrypts with a private key; fails unless there is a good signature by this certificate. */
  open(armored: string, key: string, signer: Uint8Array): Promise<Buffer>;
}

function run(command: string, args: readonly string[], home: string): string {
  const env = { ...process.env, GNUPGHOME: home, HOME: home };
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  return `${stdout}${stderr}`;
}

/** The files of a folder. */
function filesIn(home: string) {
  const file = (name: string): string => join(home, name);
  const writeAll = async (contents: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
    for (const [name, data] of Object.entries(contents)) await writeFile(file(name), data);
  };
  return { file, writeAll };
}

function gnupg(home: string): OpenPgpProgram {
  const gpg = (...args: string[]): string =>
    run('gpg', ['--batch', '--quiet', '--yes', '--trust-model', 'always', '--passphrase', '', ...args], home);
  const { file, writeAll } = filesIn(home);
  return {
    makeKey: async (address) => {
      gpg('--quick-generate-key', address, 'future-default', 'default', 'never');
      gpg('--output', file('own.pgp'), '--export', address);
      return await readFile(file('own.pgp'));
    },
    exportKey: async (address) => {
      gpg('--armor', '--output', file('own.key'), '--export-secret-keys', address);
      return await readFile(file('own.key'), 'utf8');
    },
    seal: async (inner, recipient) => {
      await writeAll({ 'recipient.pgp': recipient, inner });
      const keys = ['--local-user', from, '--recipient-file', file('recipient.pgp')];
      gpg('--armor', ...keys, '--output', file('sealed.asc'), '--sign', '--encrypt', file('inner'));
      return await readFile(file('sealed.asc'), 'utf8');
    },
    open: async (armored, key, signer) => {
      await writeAll({ 'mail.asc': armored, 'channel.key': key, 'signer.pgp': signer });
      gpg('--import', file('channel.key'));
      gpg('--import', file('signer.pgp'));
      const status = gpg('--status-fd', '1', '--output', file('opened'), '--decrypt', file('mail.asc'));
      const { fingerprint } = await parsePublicKey(signer);
      expect(status).toContain(`VALIDSIG ${fingerprint.toUpperCase()}`);
      return await readFile(file('opened'));
    },
  };
}

function sequoia(home: string): OpenPgpProgram {
  const { file, writeAll } = filesIn(home);
  const sq = (...args: string[]): string => run('sq', ['--force', ...args], home);
  return {
    makeKey: async (address) => {
      sq('key', 'generate', '--userid', `<${address}>`, '--export', file('own.key'));
      sq('key', 'extract-cert', '--output', file('own.asc'), file('own.key'));
      sq('dearmor', '--output', file('own.pgp'), file('own.asc'));
      return await readFile(file('own.pgp'));
    },
    exportKey: async () => await readFile(file('own.key'), 'utf8'),
    seal: async (inner, recipient) => {
      await writeAll({ 'recipient.pgp': recipient, inner });
      const keys = ['--recipient-cert', file('recipient.pgp'), '--signer-key', file('own.key')];
      sq('encrypt', ...keys, '--output', file('sealed.asc'), file('inner'));
      return await readFile(file('sealed.asc'), 'utf8');
    },
    open: async (armored, key, signer) => {
      await writeAll({ 'mail.asc': armored, 'channel.key': key, 'signer.pgp': signer });
      const keys = ['--recipient-key', file('channel.key'), '--signer-cert', file('signer.pgp'), '--signatures', '1'];
      sq('decrypt', ...keys, '--output', file('opened'), file('mail.asc'));
      return await readFile(file('opened'));
    },
  };
}

const fixture = useSenderFixture();

describe.each([
  { name: 'GnuPG', command: 'gpg', create: gnupg },
  { name: 'Sequoia', command: 'sq', create: sequoia },
])('with $name', ({ name, command, create }) => {
  const isThere = canRun(name, findProgram(command) !== undefined, 'scripts/test-servers');
  let home: string;
  let program: OpenPgpProgram;
  let certificate: Uint8Array;
  let setting: Setting;

  beforeAll(async () => {
    if (!isThere) return;
    // The path of gpg-agent's socket must stay short, so not below a long TMPDIR.
    home = await mkdtemp('/tmp/pgp-');
    program = create(home);
    certificate = await program.makeKey(from);
    setting = await createSetting(await embedded.start());
    await setting.startDaemon();
  });

  afterAll(async () => {
    if (!isThere) return;
    await setting?.stop();
    await setting?.server.stop();
    if (command === 'gpg') run('gpgconf', ['--kill', 'all'], home);
    await rm(home, { recursive: true, force: true });
  });

  it.skipIf(!isThere)('a push that was composed by the specification reaches its app', async () => {
    const app = await startBusApp(setting.bus.address, { protocol: 2, service: 'org.example.App' });
    const token = `by ${name}`;
    await app.register2({ service: 'org.example.App', token });
    await expect.poll(() => app.endpoints(token)).toHaveLength(1);
    const [endpoint = ''] = app.endpoints(token);
    const { keydata } = parseAutocrypt(parseEndpoint(endpoint).autocrypt);
    const push = composeByHand(endpoint, 'Made by hand', Buffer.from(certificate).toString('base64'));
    await setting.server.append('INBOX', push.wrap(await program.seal(push.inner, keydata)));
    await expect.poll(() => app.messages(token)).toEqual(['Made by hand']);
    await app.close();
  });

  it.skipIf(!isThere)('a push of the sender library decrypts, and its signature is good', async () => {
    const smtp = await fixture().startSmtp();
    const channel = await createChannel();
    const sender = createSender({ smtp: `smtp://127.0.0.1:${smtp.port}`, from, key: fixture().senderKey });
    await sender.send(channel.endpoint, 'Hello');
    await sender.close();
    const { armored } = await readMail(smtp.given[0]?.raw ?? new Uint8Array());
    const opened = await program.open(armored, armorPrivateKey(channel.key), fixture().senderKey.publicKey.keydata);
    expect(opened.toString()).toMatch(/\r\nEmail-Notify: v=1; c=[^\r]*\r\n\r\nHello$/);
  });

  it.skipIf(!isThere)('a key that it made signs pushes of the sender library', async () => {
    const registrationApp = await startBusApp(setting.bus.address, { protocol: 2, service: 'org.example.Other' });
    const token = `signed by ${name}`;
    await registrationApp.register2({ service: 'org.example.Other', token });
    await expect.poll(() => registrationApp.endpoints(token)).toHaveLength(1);
    const { host, port } = setting.server.smtp;
    const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key: await program.exportKey(from) });
    await sender.send(registrationApp.endpoints(token)[0] ?? '', 'Signed');
    await sender.close();
    await expect.poll(() => registrationApp.messages(token)).toEqual(['Signed']);
    await registrationApp.close();
  });
});
