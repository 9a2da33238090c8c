import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { addresses } from '../../test/tools/notify-arbitraries.js';
import { limits } from '../notify-spec/index.js';
import {
  generateKey,
  parsePublicKey,
  type ReducedCertificate,
  rebuildCertificate,
  reduceCertificate,
} from './index.js';

const folder = new URL('../../fixtures/certificate/', import.meta.url);
const now = Date.UTC(2026, 10, 21, 12);

interface Fixture {
  readonly name: string;
  readonly keydata: Uint8Array;
  readonly address: string;
  readonly reduced: ReducedCertificate;
}

/** Certificates as they were made on the day of their template, and what they were reduced to. */
const fixtures: readonly Fixture[] = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    const { address, template, createdDay, ...parts } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const bytes = (part: string): Uint8Array => new Uint8Array(Buffer.from(parts[part], 'hex'));
    const [primaryKey, subkey] = [bytes('primaryKey'), bytes('subkey')];
    const [certification, binding] = [bytes('certification'), bytes('binding')];
    return {
      name: file.slice(0, -'.json'.length),
      keydata: new Uint8Array(readFileSync(new URL(file.replace('.json', '.pgp'), folder))),
      address,
      reduced: { template, createdDay, primaryKey, subkey, certification, binding },
    };
  });

/** Each place where two certificates differ, with what stands there. */
function differences(given: Uint8Array, frozen: Uint8Array): string[] {
  const [here, there] = [given, frozen].map((bytes) => Buffer.from(bytes).toString('hex').match(/../g) ?? []);
  const longer = Math.max(given.length, frozen.length);
  return Array.from({ length: longer }, (_, at) => at)
    .filter((at) => here?.[at] !== there?.[at])
    .map((at) => `byte ${at}: ${here?.[at] ?? 'none'}, frozen ${there?.[at] ?? 'none'}`);
}

const bytesOf = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });
/** Two numbers of 32 bytes, of which many are short. */
const scalars: fc.Arbitrary<Uint8Array> = fc
  .array(fc.tuple(bytesOf(32), fc.nat(31)), { minLength: 2, maxLength: 2 })
  .map(
    (pair) =>
      new Uint8Array(
        Buffer.concat(pair.map(([bytes, zeros]) => Uint8Array.of(...bytes.fill(0, 0, zeros).subarray(1), 1))),
      ),
  );
const reducedCertificates: fc.Arbitrary<ReducedCertificate> = fc.record({
  template: fc.constant(1),
  createdDay: fc.nat(49_710),
  primaryKey: bytesOf(32),
  subkey: bytesOf(32),
  certification: scalars,
  binding: scalars,
});

describe('template 1, frozen', () => {
  it('has fixtures, of numbers with leading zeros too', () => {
    expect(fixtures.map(({ name }) => name)).toEqual(['template-1-short-r', 'template-1-short-s', 'template-1']);
    expect(fixtures.map(({ keydata }) => keydata.length)).toEqual([399, 399, 397]);
    expect(fixtures[0]?.reduced.certification[0]).toBe(0);
    expect(fixtures[1]?.reduced.binding[32]).toBe(0);
  });

  it.each(fixtures)('reduces $name to what it did on its day', ({ keydata, address, reduced }) => {
    expect(reduceCertificate(keydata, address)).toEqual(reduced);
  });

  it.each(fixtures)('makes $name again as it was on its day: our code has to', ({ keydata, address, reduced }) => {
    expect(differences(rebuildCertificate(reduced, address) ?? new Uint8Array(), keydata)).toEqual([]);
  });

  it.each(fixtures)('is read by the library of today, signatures and all: $name', async ({ keydata, address }) => {
    const key = await parsePublicKey(keydata);
    expect(key.address).toBe(address);
    expect(differences(key.keydata, keydata)).toEqual([]);
  });

  it('is the form of the keys that the library makes today; if not, they need a template of the next number', async () => {
    const { publicKey } = await generateKey({ address: 'alice@example.org', now });
    const parsed = await openpgp.readKey({ binaryKey: publicKey.keydata });
    const created = Math.floor(now / 86_400_000) - 1;
    const [certification] = parsed.users[0]?.selfCertifications ?? [];
    const [binding] = parsed.subkeys[0]?.bindingSignatures ?? [];
    const parts = [parsed.keyPacket.publicParams, parsed.subkeys[0]?.keyPacket.publicParams] as { Q: Uint8Array }[];
    const [primaryKey, subkey] = parts.map(({ Q }) => Q.slice(1));
    const [first, second] = [certification, binding].map((signature) => {
      const { r, s } = (signature as unknown as { params: { r: Uint8Array; s: Uint8Array } }).params;
      const padded = [r, s].map((bytes) => Buffer.concat([Buffer.alloc(32 - bytes.length), bytes]));
      return new Uint8Array(Buffer.concat(padded));
    });
    if (!primaryKey || !subkey || !first || !second) throw new TypeError('The library names the parts otherwise.');
    const taken = { template: 1, createdDay: created, primaryKey, subkey, certification: first, binding: second };
    const rebuilt = rebuildCertificate(taken, 'alice@example.org');
    expect(differences(publicKey.keydata, rebuilt ?? new Uint8Array())).toEqual([]);
  });
});

describe('a reduced certificate', () => {
  it('of a generated key makes that key again, for addresses of up to 80 bytes', async () => {
    const sized = fc
      .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 15 }), fc.constantFrom('a', 'a+b', 'A.b'))
      .map(([at, host, part]) => {
        const local = part.repeat(at).slice(0, at).replace(/\.$/, 'x');
        return `${local}@${'b'.repeat(host)}.org`;
      });
    await fc.assert(
      fc.asyncProperty(sized, fc.integer({ min: 1, max: 49_000 }), async (address, day) => {
        const { publicKey } = await generateKey({ address, now: day * 86_400_000 });
        const reduced = reduceCertificate(publicKey.keydata, address);
        expect(reduced?.createdDay).toBe(day - 1);
        expect(reduced && rebuildCertificate(reduced, address)).toEqual(publicKey.keydata);
      }),
      { numRuns: 200 },
    );
  });

  it('of a key for the longest address makes that key again', async () => {
    const address = `${'a'.repeat(limits.localPartChars)}@${`${'b'.repeat(61)}.`.repeat(3)}org`;
    const { publicKey } = await generateKey({ address, now });
    const reduced = reduceCertificate(publicKey.keydata, address);
    expect(reduced && rebuildCertificate(reduced, address)).toEqual(publicKey.keydata);
  });

  it('comes back from its certificate whatever is in it, and the library writes the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(reducedCertificates, addresses, async (reduced, address) => {
        const keydata = rebuildCertificate(reduced, address) ?? new Uint8Array();
        expect(reduceCertificate(keydata, address)).toEqual(reduced);
        const packets = await openpgp.PacketList.fromBinary(keydata, {
          [openpgp.enums.packet.publicKey]: openpgp.PublicKeyPacket,
          [openpgp.enums.packet.publicSubkey]: openpgp.PublicSubkeyPacket,
          [openpgp.enums.packet.userID]: openpgp.UserIDPacket,
          [openpgp.enums.packet.signature]: openpgp.SignaturePacket,
        } as never);
        expect(differences(packets.write(), keydata)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('may have numbers that are zero, which no signature has', () => {
    for (const { reduced, address } of fixtures) {
      const zero = { ...reduced, certification: new Uint8Array(64), binding: new Uint8Array(64) };
      expect(reduceCertificate(rebuildCertificate(zero, address) ?? new Uint8Array(), address)).toEqual(zero);
    }
  });

  it.each([
    ['another template', { template: 0 }],
    ['a template of a later version', { template: 2 }],
    ['a day that is none', { createdDay: 0.5 }],
    ['a day before 1970', { createdDay: -1 }],
    ['a day after 2106', { createdDay: 49_711 }],
    ['a short key', { primaryKey: new Uint8Array(31) }],
    ['a long key', { subkey: new Uint8Array(33) }],
    ['a short signature', { certification: new Uint8Array(63) }],
    ['a long signature', { binding: new Uint8Array(65) }],
  ])('with %s makes none', (_, change) => {
    for (const { reduced, address } of fixtures)
      expect(rebuildCertificate({ ...reduced, ...change }, address)).toBeUndefined();
  });

  it('makes no certificate for what is no address', () => {
    for (const { reduced } of fixtures)
      expect(rebuildCertificate(reduced, 'Alice <alice@example.org>')).toBeUndefined();
  });
});

describe('a certificate of another form', () => {
  it('is refused for every other bit but those of a signature, which make another reduced certificate', () => {
    const [{ keydata, address, reduced }] = fixtures.slice(-1) as [Fixture];
    const scalarBytes = new Set<number>();
    for (const part of [reduced.certification, reduced.binding]) {
      for (const half of [part.subarray(0, 32), part.subarray(32)]) {
        const start = Buffer.from(keydata).indexOf(half);
        for (let at = start; at < start + 32; at += 1) scalarBytes.add(at);
      }
    }
    expect(scalarBytes.size).toBe(128);
    for (let at = 0; at < keydata.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = keydata.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte));
        const other = reduceCertificate(changed, address);
        if (!scalarBytes.has(at)) expect(other, `byte ${at}, bit ${bit}`).toBeUndefined();
        expect(other).not.toEqual(reduced);
      }
    }
  });

  it('is refused cut short anywhere, and with anything behind it', () => {
    for (const { keydata, address } of fixtures) {
      for (let size = 0; size < keydata.length; size += 1) {
        expect(reduceCertificate(keydata.subarray(0, size), address)).toBeUndefined();
      }
      for (const extra of [[0], [0xc0, 0], [0xcd, 0], [...keydata]]) {
        expect(reduceCertificate(Uint8Array.from([...keydata, ...extra]), address)).toBeUndefined();
      }
    }
  });

  it('is refused for another address, or one in other letters', () => {
    for (const { keydata, address } of fixtures) {
      for (const other of [`a${address}`, address.toUpperCase(), `${address} `, '', address.slice(1)]) {
        expect(reduceCertificate(keydata, other)).toBeUndefined();
      }
    }
  });

  it.each([
    ['a key that is not dated midnight', { date: new Date(now) }],
    ['a key that expires', { keyExpirationTime: 86_400 }],
    ['a user id with a name', { userIDs: [{ name: 'Alice', email: 'alice@example.org' }] }],
    ['a key on another curve', { curve: 'nistP256' as const }],
    ['a key that announces SEIPDv2', { config: { aeadProtect: true } }],
    ['a key with a salt notation', { config: { nonDeterministicSignaturesViaNotation: true } }],
  ])('is refused: %s', async (_, change) => {
    const { config, ...options } = { config: {}, ...change };
    const { publicKey } = await openpgp.generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'alice@example.org' }],
      date: new Date(Math.floor(now / 86_400_000) * 86_400_000),
      format: 'object',
      ...options,
      config: { ...openpgp.config, nonDeterministicSignaturesViaNotation: false, ...config },
    } as openpgp.KeyOptions & { format: 'object' });
    expect(reduceCertificate(publicKey.write(), 'alice@example.org')).toBeUndefined();
  });
});
