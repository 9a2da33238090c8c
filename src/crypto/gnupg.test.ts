import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  armorPrivateKey,
  generateKey,
  open,
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  seal,
} from './index.js';

const installed = spawnSync('gpg', ['--version']).status === 0;
if (!installed) console.warn('The tests with GnuPG are skipped: there is no gpg; install the package gnupg.');

const everyByte = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
const now = Date.now();

describe.skipIf(!installed)('with GnuPG', () => {
  let home: string;
  let alice: PrivateKey;
  let sender: PrivateKey;
  let bob: PublicKey;

  function run(command: string, args: readonly string[], input: Uint8Array | string = ''): Buffer {
    const { status, stdout, stderr } = spawnSync(command, args, { input, env: { ...process.env, GNUPGHOME: home } });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
    return stdout;
  }

  function gpg(args: readonly string[], input: Uint8Array | string = ''): Buffer {
    const quiet = ['--batch', '--quiet', '--yes', '--no-tty', '--trust-model', 'always'];
    return run('gpg', [...quiet, '--pinentry-mode', 'loopback', '--passphrase', '', ...args], input);
  }

  /** Decrypts with gpg; returns the data and the fingerprint of the key whose signature it found good. */
  function decrypt(armored: string): { data: Uint8Array; signer: string | undefined } {
    const [file, output] = [join(home, 'message.asc'), join(home, 'message.out')];
    writeFileSync(file, armored);
    const status = gpg(['--status-fd', '1', '--output', output, '--decrypt', file]).toString();
    expect(status).toContain('[GNUPG:] DECRYPTION_OKAY');
    expect(status).toContain('[GNUPG:] GOODMDC');
    const data = new Uint8Array(run('cat', [output]));
    return { data, signer: /VALIDSIG ([0-9A-F]{40})/.exec(status)?.[1]?.toLowerCase() };
  }

  beforeAll(async () => {
    // The path of gpg-agent's socket must stay short, so not below a long TMPDIR.
    home = mkdtempSync('/tmp/gpg-');
    gpg(['--quick-generate-key', 'Bob <bob@example.org>', 'future-default', 'default', 'never']);
    bob = await parsePublicKey(gpg(['--export', 'bob@example.org']));
    alice = await generateKey({ address: 'alice@example.org', now });
    sender = await generateKey({ address: 'push@app.example', now });
    gpg(['--import'], alice.publicKey.keydata);
    gpg(['--import'], sender.publicKey.keydata);
  });

  afterAll(() => {
    if (home === undefined) return;
    run('gpgconf', ['--kill', 'all']);
    rmSync(home, { recursive: true, force: true });
  });

  it('a sealed message is decrypted and verified, whatever the padding of its base64', async () => {
    for (const data of [everyByte, ...[200, 201, 202].map((size) => everyByte.slice(0, size))]) {
      const armored = await seal(data, { recipient: bob, signer: sender, now: Date.now() });
      expect(decrypt(armored)).toEqual({ data, signer: sender.fingerprint });
    }
  });

  it('a message opens that was signed and encrypted to one of our keys', async () => {
    const args = [
      '--armor',
      '--local-user',
      'bob@example.org',
      '--recipient',
      'alice@example.org',
      '--sign',
      '--encrypt',
    ];
    for (const more of [[], ['--compress-algo', 'none'], ['--encrypt-to', 'bob@example.org'], ['--throw-keyids']]) {
      const armored = gpg([...more, ...args], everyByte).toString();
      const { data, signature } = await open(armored, {
        key: alice,
        signers: [sender.publicKey, bob],
        now: Date.now(),
      });
      expect(data).toEqual(everyByte);
      expect(signature).toEqual({ state: 'valid', signer: bob });
    }
  });

  it('one of our private keys is taken, and one of its own is taken here', async () => {
    gpg(['--import'], armorPrivateKey(alice));
    const armored = await seal(everyByte, { recipient: alice.publicKey, signer: sender, now });
    expect(decrypt(armored).signer).toBe(sender.fingerprint);

    const key = await parsePrivateKey(gpg(['--armor', '--export-secret-keys', 'bob@example.org']).toString());
    expect(key.address).toBe('bob@example.org');
    expect(decrypt(await seal(everyByte, { recipient: bob, signer: key, now: Date.now() })).signer).toBe(
      bob.fingerprint,
    );
  });
});
