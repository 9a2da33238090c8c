import { inspect } from 'node:util';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import {
  armorPrivateKey,
  CryptoError,
  generateKey,
  parsePrivateKey,
  parsePublicKey,
  seal,
  serializePrivateKey,
} from './index.js';

const now = Date.UTC(2025, 0, 15, 13, 37);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CryptoError);
  return (error as CryptoError).code;
}

describe('a generated key', () => {
  it('is exactly five packets of version 4, EdDSA and ECDH over Curve25519, without notations', async () => {
    const { publicKey } = await generateKey({ address: 'alice@example.org', now });
    const parsed = await openpgp.readKey({ binaryKey: publicKey.keydata });
    const packets = [...parsed.toPacketList()];
    expect(packets.map((packet) => (packet.constructor as unknown as { tag: number }).tag)).toEqual([6, 13, 2, 14, 2]);
    expect(parsed.keyPacket.version).toBe(4);
    expect(parsed.getAlgorithmInfo()).toEqual({ algorithm: 'eddsaLegacy', curve: 'ed25519Legacy' });
    expect(parsed.subkeys[0]?.getAlgorithmInfo()).toEqual({ algorithm: 'ecdh', curve: 'curve25519Legacy' });
    for (const packet of packets) {
      if (packet instanceof openpgp.SignaturePacket) expect(packet.rawNotations).toEqual([]);
    }
    expect(parsed.getUserIDs()).toEqual(['<alice@example.org>']);
    expect(publicKey.keydata.length).toBeLessThan(420);
  });

  it('is dated midnight UTC of the day before', async () => {
    const { publicKey } = await generateKey({ address: 'alice@example.org', now });
    const parsed = await openpgp.readKey({ binaryKey: publicKey.keydata });
    expect(parsed.getCreationTime().toISOString()).toBe('2025-01-14T00:00:00.000Z');
    expect(parsed.subkeys[0]?.getCreationTime().toISOString()).toBe('2025-01-14T00:00:00.000Z');
  });

  it('comes back the same from binary, armor and the bytes of the armor', async () => {
    const key = await generateKey({ address: 'alice@example.org', now });
    const armored = armorPrivateKey(key);
    for (const data of [serializePrivateKey(key), armored, new TextEncoder().encode(armored)]) {
      const again = await parsePrivateKey(data);
      expect(again.fingerprint).toBe(key.fingerprint);
      expect(again.address).toBe('alice@example.org');
      expect(again.publicKey.keydata).toEqual(key.publicKey.keydata);
    }
    expect((await parsePublicKey(key.publicKey.keydata)).keydata).toEqual(key.publicKey.keydata);
    expect(key.fingerprint).toMatch(/^[0-9a-f]{40}$/);
  });

  it('shows no secret when it is printed', async () => {
    const key = await generateKey({ address: 'alice@example.org', now });
    expect(Object.keys(key).sort()).toEqual(['address', 'fingerprint', 'publicKey']);
    expect(inspect(key, { depth: 9, showHidden: true })).not.toContain('private');
  });

  it('is not made for anything but one plain address', async () => {
    for (const address of ['', 'alice', 'Alice <alice@example.org>', 'alice@example.org\r\nBcc: eve@example.org']) {
      expect(await codeOf(generateKey({ address, now }))).toBe('ERR_KEY_ADDRESS_INVALID');
    }
  });
});

describe('a public key from outside', () => {
  const options = {
    userIDs: [{ name: 'Bob', email: 'bob@example.org' }],
    format: 'object' as const,
    date: new Date(now),
  };

  it('is taken with RSA 2048 and with a NIST curve', async () => {
    for (const kind of [{ type: 'rsa', rsaBits: 2048 } as const, { type: 'ecc', curve: 'nistP256' } as const]) {
      const { publicKey } = await openpgp.generateKey({ ...options, ...kind });
      const key = await parsePublicKey(publicKey.write());
      expect(key.address).toBe('bob@example.org');
      expect(key.fingerprint).toBe(publicKey.getFingerprint());
    }
  });

  it('is refused with RSA below 2048 bits, and as version 6', async () => {
    const weak = await openpgp.generateKey({
      ...options,
      type: 'rsa',
      rsaBits: 1024,
      config: { minRSABits: 1024 },
    });
    expect(await codeOf(parsePublicKey(weak.publicKey.write()))).toBe('ERR_KEY_WEAK');
    const six = await openpgp.generateKey({ ...options, type: 'curve25519', config: { v6Keys: true } });
    expect(await codeOf(parsePublicKey(six.publicKey.write()))).toBe('ERR_KEY_INVALID');
  });

  it('is reduced to one user id and one encryption subkey, and keeps its signing subkey', async () => {
    const { publicKey } = await openpgp.generateKey({
      ...options,
      userIDs: [{ email: 'bob@example.org' }, { email: 'robert@example.org' }],
      subkeys: [{}, {}, { sign: true }],
    });
    const key = await parsePublicKey(publicKey.write());
    const parsed = await openpgp.readKey({ binaryKey: key.keydata });
    expect(parsed.getUserIDs()).toEqual(['<bob@example.org>']);
    expect(parsed.subkeys.map((subkey) => subkey.getAlgorithmInfo().algorithm).sort()).toEqual(['ecdh', 'eddsaLegacy']);
    expect(key.keydata.length).toBeLessThan(publicKey.write().length);
    expect((await parsePublicKey(key.keydata)).keydata).toEqual(key.keydata);
  });

  it('is refused when its user id was put there by somebody else', async () => {
    const bob = await openpgp.generateKey(options);
    const eve = await openpgp.generateKey({ ...options, userIDs: [{ email: 'alice@example.org' }] });
    const packets = new openpgp.PacketList<openpgp.AnyPacket>();
    packets.push(bob.publicKey.keyPacket, ...[...eve.publicKey.toPacketList()].slice(1, 3));
    expect(await codeOf(parsePublicKey(packets.write() as Uint8Array))).toBe('ERR_KEY_INVALID');
  });

  it('is refused when it is a private key, two keys, empty, or over 10 KiB', async () => {
    const key = await generateKey({ address: 'alice@example.org', now });
    const { keydata } = key.publicKey;
    for (const data of [
      serializePrivateKey(key),
      new Uint8Array([...keydata, ...keydata]),
      new Uint8Array(),
      new Uint8Array(10_241),
    ]) {
      expect(await codeOf(parsePublicKey(data))).toBe('ERR_KEY_INVALID');
    }
  });

  it('is refused with a typed error whatever its bytes are', async () => {
    const { keydata } = (await generateKey({ address: 'alice@example.org', now })).publicKey;
    const flipped = fc
      .tuple(fc.nat(keydata.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, mask]) => keydata.map((byte, index) => (index === at ? byte ^ mask : byte)));
    const cut = fc.nat(keydata.length - 1).map((size) => keydata.slice(0, size));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 600 }), flipped, cut), async (data) => {
        await parsePublicKey(data).catch((error: unknown) => expect(error).toBeInstanceOf(CryptoError));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a private key from outside', () => {
  it('is refused while a passphrase locks it, and asks for an action', async () => {
    const { privateKey } = await openpgp.generateKey({
      userIDs: [{ email: 'bob@example.org' }],
      passphrase: 'correct horse',
      config: { s2kIterationCountByte: 0 },
    });
    await expect(parsePrivateKey(privateKey)).rejects.toMatchObject({
      code: 'ERR_KEY_LOCKED',
      disposition: 'action-required',
    });
  });

  it('is refused when its secret half belongs to another key', async () => {
    const alice = await openpgp.readPrivateKey({
      binaryKey: serializePrivateKey(await generateKey({ address: 'alice@example.org', now })),
    });
    const bob = await openpgp.readPrivateKey({
      binaryKey: serializePrivateKey(await generateKey({ address: 'bob@example.org', now })),
    });
    const packet = alice.keyPacket as openpgp.SecretKeyPacket;
    packet.privateParams = (bob.keyPacket as openpgp.SecretKeyPacket).privateParams;
    expect(await codeOf(parsePrivateKey(alice.write()))).toBe('ERR_KEY_INVALID');
  });

  it('is refused with a typed error whatever its bytes or text are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' })), async (data) => {
        expect(await codeOf(parsePrivateKey(data))).toMatch(/^ERR_KEY_/);
      }),
    );
  });

  it('is only taken as the object that parsing returned', async () => {
    const key = await generateKey({ address: 'alice@example.org', now });
    expect(() => serializePrivateKey({ ...key })).toThrow(CryptoError);
    expect(await codeOf(seal(new Uint8Array(1), { recipient: { ...key.publicKey }, signer: key, now }))).toBe(
      'ERR_KEY_INVALID',
    );
  });
});
