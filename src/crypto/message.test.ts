import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CryptoError,
  generateKey,
  open,
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  type Signature,
  seal,
  serializePrivateKey,
} from './index.js';

const now = Date.UTC(2025, 0, 15, 13, 37);
const text = new TextEncoder().encode('hello');
const everyByte = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);

let alice: PrivateKey;
let sender: PrivateKey;
let stranger: PrivateKey;
let aliceRaw: openpgp.PrivateKey;
let senderRaw: openpgp.PrivateKey;
let strangerRaw: openpgp.PrivateKey;

async function raw(key: PrivateKey): Promise<openpgp.PrivateKey> {
  return openpgp.readPrivateKey({ binaryKey: serializePrivateKey(key) });
}

beforeAll(async () => {
  alice = await generateKey({ address: 'alice@example.org', now });
  sender = await generateKey({ address: 'push@app.example', now });
  stranger = await generateKey({ address: 'eve@example.org', now });
  [aliceRaw, senderRaw, strangerRaw] = [await raw(alice), await raw(sender), await raw(stranger)];
});

async function signWith(
  signingKeys: openpgp.PrivateKey,
  config: openpgp.PartialConfig = {},
): Promise<openpgp.Message<Uint8Array>> {
  const date = new Date(now);
  const message = await openpgp.createMessage({ binary: text, date });
  return openpgp.sign({ message, signingKeys, date, format: 'object', config });
}

function armor(binary: Uint8Array): string {
  const base64 = Buffer.from(binary).toString('base64');
  return `-----BEGIN PGP MESSAGE-----\n\n${base64}\n-----END PGP MESSAGE-----\n`;
}

function dearmor(armored: string): Uint8Array {
  const lines = armored.split('\n').filter((line) => !/^[-=]/.test(line));
  return new Uint8Array(Buffer.from(lines.join(''), 'base64'));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CryptoError);
  return (error as CryptoError).code;
}

async function signatureOf(armored: string, signers: readonly PublicKey[] = [sender.publicKey]): Promise<Signature> {
  return (await open(armored, { key: alice, signers, now })).signature;
}

async function encryptTo(options: Partial<openpgp.EncryptOptions>): Promise<string> {
  const message = await openpgp.createMessage({ binary: text, date: new Date(now) });
  const encryptionKeys = aliceRaw.toPublic();
  const encrypted = await openpgp.encrypt({
    message,
    encryptionKeys,
    date: new Date(now),
    ...options,
    format: 'binary',
  });
  return armor(encrypted as Uint8Array);
}

describe('a sealed message', () => {
  it('opens with its key to the same bytes, signed by its sender', async () => {
    for (const data of [text, everyByte, new Uint8Array()]) {
      const armored = await seal(data, { recipient: alice.publicKey, signer: sender, now });
      const opened = await open(armored, { key: alice, signers: [stranger.publicKey, sender.publicKey], now });
      expect(opened.data).toEqual(data);
      expect(opened.signature).toEqual({ state: 'valid', signer: sender.publicKey });
      expect(opened.signature.state === 'valid' && opened.signature.signer).toBe(sender.publicKey);
    }
  });

  it('opens to the same bytes whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (data) => {
        const armored = await seal(data, { recipient: alice.publicKey, signer: sender, now });
        const opened = await open(armored, { key: alice, signers: [sender.publicKey], now });
        expect(opened.data).toEqual(data);
        expect(opened.signature.state).toBe('valid');
      }),
      { numRuns: 20 },
    );
  });

  it('is one SEIPDv1 message for one recipient, in plain armor that says nothing of its maker', async () => {
    const armored = await seal(text, { recipient: alice.publicKey, signer: sender, now });
    expect(armored.split('\n').slice(0, 2)).toEqual(['-----BEGIN PGP MESSAGE-----', '']);
    const message = await openpgp.readMessage({ armoredMessage: armored });
    expect(message.getEncryptionKeyIDs()).toHaveLength(1);
    expect(message.packets.map((packet) => (packet as { version?: number }).version)).toEqual([3, 1]);
  });

  it('is small: 200 bytes take under 750 characters, 4096 bytes under 6100', async () => {
    const size = async (bytes: number): Promise<number> =>
      (await seal(everyByte.slice(0, bytes), { recipient: alice.publicKey, signer: sender, now })).length;
    expect(await size(200)).toBeLessThan(750);
    expect(await size(4096)).toBeLessThan(6100);
  });

  it('opens with CRLF line ends', async () => {
    const armored = await seal(text, { recipient: alice.publicKey, signer: sender, now });
    expect(await signatureOf(armored.replaceAll('\n', '\r\n'))).toMatchObject({ state: 'valid' });
  });

  it('is valid when the sender is up to ten minutes ahead, and not further', async () => {
    const ahead = async (ms: number): Promise<Signature> =>
      signatureOf(await seal(text, { recipient: alice.publicKey, signer: sender, now: now + ms }));
    expect(await ahead(590_000)).toMatchObject({ state: 'valid' });
    expect(await ahead(610_000)).toMatchObject({ state: 'invalid' });
  });

  it('is made for a device whose clock is hours ahead', async () => {
    const device = await generateKey({ address: 'alice@example.org', now: now + 10 * 3_600_000 });
    const armored = await seal(text, { recipient: device.publicKey, signer: sender, now });
    expect((await open(armored, { key: device, signers: [sender.publicKey], now })).signature.state).toBe('valid');
  });

  it('is not made with an expired key', async () => {
    const { privateKey, publicKey } = await openpgp.generateKey({
      userIDs: [{ email: 'bob@example.org' }],
      date: new Date(now - 86_400_000),
      keyExpirationTime: 3600,
      format: 'binary',
    });
    const recipient = await parsePublicKey(publicKey);
    expect(await codeOf(seal(text, { recipient, signer: sender, now }))).toBe('ERR_KEY_UNUSABLE');
    const signer = await parsePrivateKey(privateKey);
    expect(await codeOf(seal(text, { recipient: alice.publicKey, signer, now }))).toBe('ERR_KEY_UNUSABLE');
  });
});

describe('a signature', () => {
  it('by a key that is not known names its key id', async () => {
    const armored = await seal(text, { recipient: alice.publicKey, signer: stranger, now });
    const keyId = stranger.fingerprint.slice(24);
    expect(await signatureOf(armored)).toEqual({ state: 'unknown-signer', keyId });
    expect(await signatureOf(armored, [])).toEqual({ state: 'unknown-signer', keyId });
  });

  it('may be missing', async () => {
    expect(await signatureOf(await encryptTo({}))).toEqual({ state: 'unsigned' });
  });

  it('is invalid when there are two, even of the same good key', async () => {
    expect(await signatureOf(await encryptTo({ signingKeys: [senderRaw, strangerRaw] }))).toMatchObject({
      state: 'invalid',
      reason: expect.stringContaining('2 signatures'),
    });
    expect(await signatureOf(await encryptTo({ signingKeys: [senderRaw, senderRaw] }))).toMatchObject({
      state: 'invalid',
    });
  });

  it('is invalid over text, which leaves line ends unsigned', async () => {
    const message = await openpgp.createMessage({ text: 'hello', date: new Date(now) });
    expect(await signatureOf(await encryptTo({ message, signingKeys: senderRaw }))).toMatchObject({ state: 'invalid' });
  });

  it('is invalid with SHA-1', async () => {
    const sha1 = openpgp.enums.hash.sha1;
    const config: openpgp.PartialConfig = {
      preferredHashAlgorithm: sha1,
      rejectMessageHashAlgorithms: new Set(),
      nonDeterministicSignaturesViaNotation: false, // there is no salt size for SHA-1
    };
    const rsa = await openpgp.generateKey({
      type: 'rsa',
      rsaBits: 2048,
      userIDs: [{ email: 'bob@example.org' }],
      date: new Date(now),
      format: 'object',
      config,
    });
    const signed = await signWith(rsa.privateKey, config);
    expect(signed.packets.map((packet) => (packet as { hashAlgorithm?: number }).hashAlgorithm)).toContain(sha1);
    const weak = await encryptTo({ message: signed });
    const signer = await parsePublicKey(rsa.publicKey.write());
    expect(await signatureOf(weak, [signer])).toMatchObject({ state: 'invalid' });
  });

  it('is invalid when its data was exchanged under it', async () => {
    const signed = await signWith(senderRaw);
    const other = await openpgp.createMessage({ binary: everyByte, date: new Date(now) });
    const packets = new openpgp.PacketList<openpgp.AnyPacket>();
    for (const packet of signed.packets) {
      packets.push(packet instanceof openpgp.LiteralDataPacket ? (other.packets[0] as openpgp.AnyPacket) : packet);
    }
    const message = new openpgp.Message<Uint8Array>(packets);
    expect(await signatureOf(await encryptTo({ message: signed }))).toMatchObject({ state: 'valid' });
    expect(await signatureOf(await encryptTo({ message }))).toMatchObject({ state: 'invalid' });
  });

  it('is invalid by a key that had expired, and valid while it had not', async () => {
    const { publicKey } = await openpgp.reformatKey({
      privateKey: await raw(sender),
      userIDs: [{ email: 'push@app.example' }],
      date: senderRaw.getCreationTime(),
      keyExpirationTime: 86_400 + 3600,
      format: 'object',
    });
    const expiring = await parsePublicKey(publicKey.write());
    const midnight = Date.UTC(2025, 0, 15);
    const signedAt = async (at: number): Promise<Signature> =>
      signatureOf(await seal(text, { recipient: alice.publicKey, signer: sender, now: at }), [expiring]);
    expect(await signedAt(midnight + 3_500_000)).toMatchObject({ state: 'valid' });
    expect(await signedAt(midnight + 3_700_000)).toMatchObject({ state: 'invalid' });
  });

  it('is invalid by a key that was revoked, even afterwards', async () => {
    const { publicKey } = await openpgp.revokeKey({
      key: await raw(sender),
      reasonForRevocation: { flag: openpgp.enums.reasonForRevocation.keySuperseded },
      date: new Date(now + 1000),
      format: 'object',
    });
    const revoked = await parsePublicKey(publicKey.write());
    expect(revoked.fingerprint).toBe(sender.fingerprint);
    const armored = await seal(text, { recipient: alice.publicKey, signer: sender, now });
    expect(await signatureOf(armored, [revoked])).toEqual({ state: 'invalid', reason: 'The key is revoked.' });
    expect(await codeOf(seal(text, { recipient: revoked, signer: sender, now: now + 2000 }))).toBe('ERR_KEY_UNUSABLE');
  });
});

describe('a message that does not open', () => {
  it('is one for another key', async () => {
    const armored = await seal(text, { recipient: stranger.publicKey, signer: sender, now });
    expect(await codeOf(open(armored, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_UNREADABLE');
  });

  it('is one whose bytes were changed, wherever', async () => {
    const armored = await seal(text, { recipient: alice.publicKey, signer: sender, now });
    const binary = dearmor(armored);
    await fc.assert(
      fc.asyncProperty(fc.nat(binary.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = binary.map((byte, index) => (index === at ? byte ^ mask : byte));
        await open(armor(changed), { key: alice, signers: [sender.publicKey], now }).then(
          ({ data }) => expect(data).toEqual(text), // a bit that means nothing
          (error: unknown) => expect(error).toBeInstanceOf(CryptoError),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('is one encrypted with a password, alone or besides the key', async () => {
    const alone = await encryptTo({ encryptionKeys: [], passwords: ['secret'], signingKeys: senderRaw });
    expect(await codeOf(open(alone, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
    const both = await encryptTo({ passwords: ['secret'], signingKeys: senderRaw });
    expect(await codeOf(open(both, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
  });

  it('is one that is only signed, only compressed, a key, or two messages', async () => {
    const date = new Date(now);
    const message = await openpgp.createMessage({ binary: text, date });
    const signed = await openpgp.sign({ message, signingKeys: senderRaw, date });
    const binary = dearmor(await seal(text, { recipient: alice.publicKey, signer: sender, now }));
    const twice = armor(new Uint8Array([...binary, ...binary]));
    for (const armored of [message.armor(), signed, aliceRaw.toPublic().armor(), twice, '']) {
      expect(await codeOf(open(armored, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
    }
  });

  it('is one without integrity protection', async () => {
    const sessionKey = { algorithm: 'aes256', data: new Uint8Array(32) } as const;
    const keys = await openpgp.encryptSessionKey({
      ...sessionKey,
      encryptionKeys: aliceRaw.toPublic(),
      format: 'object',
      date: new Date(now),
    });
    const packet = new openpgp.SymmetricallyEncryptedDataPacket();
    (packet as unknown as { encrypted: Uint8Array }).encrypted = new Uint8Array(64);
    const packets = new openpgp.PacketList<openpgp.AnyPacket>();
    packets.push(...keys.packets, packet);
    const armored = armor(packets.write() as Uint8Array);
    expect(await codeOf(open(armored, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
  });

  it('is one that unpacks to over 1 MB', async () => {
    const bomb = await encryptTo({
      message: await openpgp.createMessage({ binary: new Uint8Array(2_000_000), date: new Date(now) }),
      signingKeys: senderRaw,
      config: { preferredCompressionAlgorithm: openpgp.enums.compression.zlib },
    });
    expect(bomb.length).toBeLessThan(20_000);
    expect(await codeOf(open(bomb, { key: alice, signers: [], now }))).toMatch(/^ERR_MESSAGE_/);
  });

  it('is one over 65 536 characters, and one for over sixteen keys', async () => {
    const large = await seal(new Uint8Array(60_000), { recipient: alice.publicKey, signer: sender, now });
    expect(await codeOf(open(large, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
    const many = await encryptTo({ encryptionKeys: Array.from({ length: 17 }, () => aliceRaw.toPublic()) });
    expect(await codeOf(open(many, { key: alice, signers: [], now }))).toBe('ERR_MESSAGE_MALFORMED');
  });

  it('gives only typed errors, whatever the text', async () => {
    const begin = '-----BEGIN PGP MESSAGE-----\n';
    const armoredLike = fc
      .tuple(fc.base64String({ maxLength: 400 }), fc.string())
      .map(([body, tail]) => `${begin}\n${body}\n${tail}\n-----END PGP MESSAGE-----\n`);
    const binary = fc.uint8Array({ maxLength: 200 }).map(armor);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((tail) => begin + tail),
          armoredLike,
          binary,
        ),
        async (armored) => {
          expect(await codeOf(open(armored, { key: alice, signers: [], now }))).toMatch(/^ERR_MESSAGE_/);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a message in a form that others write', () => {
  it('opens when it is compressed', async () => {
    const config = { preferredCompressionAlgorithm: openpgp.enums.compression.zip };
    const armored = await encryptTo({ signingKeys: senderRaw, config });
    const opened = await open(armored, { key: alice, signers: [sender.publicKey], now });
    expect(opened.data).toEqual(text);
    expect(opened.signature.state).toBe('valid');
  });

  it('opens when it is encrypted to its sender as well, and when it hides its recipients', async () => {
    const encryptionKeys = [senderRaw.toPublic(), aliceRaw.toPublic()];
    expect(await signatureOf(await encryptTo({ encryptionKeys, signingKeys: senderRaw }))).toMatchObject({
      state: 'valid',
    });
    expect(await signatureOf(await encryptTo({ wildcard: true, signingKeys: senderRaw }))).toMatchObject({
      state: 'valid',
    });
  });

  it('opens when an RSA key or a signing subkey signed it', async () => {
    for (const kind of [{ type: 'rsa', rsaBits: 2048 } as const, { subkeys: [{}, { sign: true }] }]) {
      const { privateKey, publicKey } = await openpgp.generateKey({
        ...kind,
        userIDs: [{ email: 'bob@example.org' }],
        date: new Date(now),
        format: 'object',
      });
      const signer = await parsePublicKey(publicKey.write());
      const armored = await encryptTo({ signingKeys: privateKey });
      expect(await signatureOf(armored, [signer])).toEqual({ state: 'valid', signer });
    }
  });
});
