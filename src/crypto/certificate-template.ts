/** What varies in a packet: `created` 4 bytes, keys 32, `keyId` 8, `fingerprint` 20, `address` to its end. */
export type Slot = 'created' | 'primaryKey' | 'subkey' | 'keyId' | 'fingerprint' | 'address';

/** A part of a packet: bytes that are always the same, in hexadecimal after `0x`, or the name of what varies. */
export type Piece = `0x${string}` | Slot;

/** The two self-signatures of a certificate: over its user id, and over its subkey. */
export interface SignatureTemplate {
  /** From the version to the last hashed subpacket (RFC 9580 §5.2.3): what the signature covers of itself. */
  readonly hashed: readonly Piece[];
  /** The unhashed subpackets with their length. */
  readonly unhashed: readonly Piece[];
  /** Name of the hash in node:crypto, as the hashed part says it in its fourth byte. */
  readonly hash: 'sha512';
}

/** The bodies of the five packets of a certificate, in their order. */
export interface CertificateTemplate {
  /** What names it in a seal: 1 to 255. */
  readonly number: number;
  readonly primaryKey: readonly Piece[];
  readonly userId: readonly Piece[];
  readonly certification: SignatureTemplate;
  readonly subkey: readonly Piece[];
  readonly binding: SignatureTemplate;
}

/** Size of each slot in bytes but for the address, which takes what is left. */
export const slotBytes: Readonly<Record<Exclude<Slot, 'address'>, number>> = {
  created: 4,
  primaryKey: 32,
  subkey: 32,
  keyId: 8,
  fingerprint: 20,
};

/**
 * Template 1: what OpenPGP.js 6 makes under the settings of this folder. It is written down in bytes because seals that
 * are out there name it: it is never changed, and a certificate of another form gets a template of the next number.
 */
const template1: CertificateTemplate = {
  number: 1,
  // Version 4, EdDSALegacy (22), the curve Ed25519Legacy, a point of 263 bits (RFC 9580 §5.5.2.2, §5.5.5.5, §9.2).
  primaryKey: ['0x04', 'created', '0x1609', '0x2b06010401da470f01', '0x010740', 'primaryKey'],
  userId: ['0x3c', 'address', '0x3e'],
  certification: {
    // Version 4, positive certification (0x13), EdDSALegacy, SHA-512 (10), 63 bytes of subpackets.
    hashed: [
      '0x0413160a003f',
      // Signature creation time, critical (§5.2.3.11).
      '0x0582',
      'created',
      // Preferred symmetric ciphers: AES-256, AES-128 (§5.2.3.14).
      '0x030b0907',
      // Issuer key id (§5.2.3.12).
      '0x0910',
      'keyId',
      // Preferred hashes: SHA-512, SHA-256, SHA3-512, SHA3-256 (§5.2.3.16).
      '0x05150a080e0c',
      // Preferred compression: none, ZLIB, ZIP (§5.2.3.17).
      '0x0416000201',
      // Primary user id (§5.2.3.27).
      '0x021901',
      // Key flags, critical: certify and sign (§5.2.3.29).
      '0x029b03',
      // Features: SEIPDv1 (§5.2.3.32).
      '0x021e01',
      // Issuer fingerprint of version 4 (§5.2.3.35).
      '0x162104',
      'fingerprint',
    ],
    unhashed: ['0x0000'],
    hash: 'sha512',
  },
  // Version 4, ECDH (18), the curve Curve25519Legacy, a point of 263 bits, SHA-256 and AES-128 to derive (§5.5.5.6).
  subkey: ['0x04', 'created', '0x120a', '0x2b060104019755010501', '0x010740', 'subkey', '0x03010807'],
  binding: {
    // Version 4, subkey binding (0x18), EdDSALegacy, SHA-512, 42 bytes of subpackets; the flags are those to encrypt.
    hashed: ['0x0418160a002a', '0x0582', 'created', '0x0910', 'keyId', '0x029b0c', '0x162104', 'fingerprint'],
    unhashed: ['0x0000'],
    hash: 'sha512',
  },
};

/** All templates there have ever been. */
export const certificateTemplates: readonly CertificateTemplate[] = [template1];
