import { createHash } from 'node:crypto';
import { isAddress } from '../notify-spec/index.js';
import { packetTypes, writeMpi, writePacket } from './certificate-packets.js';
import { certificateTemplates, type Piece, type SignatureTemplate, type Slot } from './certificate-template.js';

/** What varies between the certificates of channels, apart from the address. All of it but `template` is 194 bytes. */
export interface ReducedCertificate {
  /** Number of the template that the rest of its bytes are from. */
  readonly template: number;
  /** Date of both keys and both signatures, in days since 1970: 0 to 49 710. */
  readonly createdDay: number;
  /** The Ed25519 point of the primary key, 32 bytes. */
  readonly primaryKey: Uint8Array;
  /** The Curve25519 point of the encryption subkey, 32 bytes. */
  readonly subkey: Uint8Array;
  /** R and S of the self-certification, 64 bytes. */
  readonly certification: Uint8Array;
  /** R and S of the subkey's binding, 64 bytes. */
  readonly binding: Uint8Array;
}

/** Seconds in a day; keys of channels are dated midnight UTC. */
export const daySeconds = 86_400;
/** The last day that four bytes of seconds can tell, in 2106. */
const maxDay = 49_710;

/**
 * Makes the certificate again that {@link reduceCertificate} took apart: its bytes come from a numbered template and
 * depend on no library. Undefined when there is no such template or a part is not of its size.
 *
 * Nothing is verified: whoever keeps a reduced certificate has to know that its signatures held.
 */
export function rebuildCertificate(reduced: ReducedCertificate, address: string): Uint8Array | undefined {
  const template = certificateTemplates.find(({ number }) => number === reduced.template);
  if (template === undefined || !isSound(reduced) || !isAddress(address)) return undefined;
  const { primaryKey, subkey, certification, binding } = reduced;
  const slots = new Map<Slot, Uint8Array>([
    ['created', uint32(reduced.createdDay * daySeconds)],
    ['primaryKey', primaryKey],
    ['subkey', subkey],
    ['address', Buffer.from(address)],
  ]);
  const primaryBody = fill(template.primaryKey, slots);
  const fingerprint = fingerprintOf(primaryBody);
  slots.set('fingerprint', fingerprint).set('keyId', fingerprint.subarray(-8));
  const userIdBody = fill(template.userId, slots);
  const subkeyBody = fill(template.subkey, slots);
  const certified = [hashedKey(primaryBody), hashedUserId(userIdBody)];
  const bound = [hashedKey(primaryBody), hashedKey(subkeyBody)];
  return new Uint8Array(
    Buffer.concat([
      writePacket(packetTypes.publicKey, primaryBody),
      writePacket(packetTypes.userId, userIdBody),
      writePacket(packetTypes.signature, signatureBody(template.certification, slots, certified, certification)),
      writePacket(packetTypes.publicSubkey, subkeyBody),
      writePacket(packetTypes.signature, signatureBody(template.binding, slots, bound, binding)),
    ]),
  );
}

function isSound({ createdDay, primaryKey, subkey, certification, binding }: ReducedCertificate): boolean {
  return (
    Number.isInteger(createdDay) &&
    createdDay >= 0 &&
    createdDay <= maxDay &&
    primaryKey.length === 32 &&
    subkey.length === 32 &&
    certification.length === 64 &&
    binding.length === 64
  );
}

/** RFC 9580 §5.5.4.2: SHA-1 over the body of the primary key, with 0x99 and its length before it. */
function fingerprintOf(primaryBody: Uint8Array): Uint8Array {
  return createHash('sha1').update(hashedKey(primaryBody)).digest();
}

/** RFC 9580 §5.2.4: what a signature covers of a key of version 4. */
function hashedKey(body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x99, body.length >> 8, body.length & 0xff), body]);
}

/** RFC 9580 §5.2.4: what a certification covers of a user id. */
function hashedUserId(body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(0xb4), uint32(body.length), body]);
}

function signatureBody(
  template: SignatureTemplate,
  slots: ReadonlyMap<Slot, Uint8Array>,
  covered: readonly Uint8Array[],
  scalars: Uint8Array,
): Uint8Array {
  const hashed = fill(template.hashed, slots);
  const digest = createHash(template.hash);
  for (const bytes of [...covered, hashed, Uint8Array.of(0x04, 0xff), uint32(hashed.length)]) digest.update(bytes);
  return Buffer.concat([
    hashed,
    fill(template.unhashed, slots),
    digest.digest().subarray(0, 2),
    writeMpi(scalars.subarray(0, 32)),
    writeMpi(scalars.subarray(32)),
  ]);
}

function fill(pieces: readonly Piece[], slots: ReadonlyMap<Slot, Uint8Array>): Uint8Array {
  return Buffer.concat(pieces.map((piece) => slots.get(piece as Slot) ?? Buffer.from(piece.slice(2), 'hex')));
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
