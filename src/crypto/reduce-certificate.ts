import { packetTypes, readPackets, readTwoScalars } from './certificate-packets.js';
import {
  type CertificateTemplate,
  certificateTemplates,
  type Piece,
  type Slot,
  slotBytes,
} from './certificate-template.js';
import { daySeconds, type ReducedCertificate, rebuildCertificate } from './rebuild-certificate.js';

const { publicKey, userId, signature, publicSubkey } = packetTypes;
const order: readonly number[] = [publicKey, userId, signature, publicSubkey, signature];
const hashPrefixBytes = 2;

/**
 * Takes a channel's certificate apart into what varies. Undefined when the certificate fits no template: when
 * {@link rebuildCertificate} does not make the very same bytes of it with `address`, the one in its user id.
 *
 * No signature is verified here.
 */
export function reduceCertificate(keydata: Uint8Array, address: string): ReducedCertificate | undefined {
  const packets = readPackets(Uint8Array.from(keydata));
  if (packets?.length !== order.length || packets.some(({ type }, index) => type !== order[index])) return undefined;
  const bodies = packets.map(({ body }) => body);
  for (const template of certificateTemplates) {
    const reduced = takeApart(template, bodies);
    const rebuilt = reduced && rebuildCertificate(reduced, address);
    if (rebuilt !== undefined && Buffer.compare(rebuilt, keydata) === 0) return reduced;
  }
  return undefined;
}

/** Takes what stands where the template has its slots; whether the rest fits shows when it is put together again. */
function takeApart(template: CertificateTemplate, bodies: readonly Uint8Array[]): ReducedCertificate | undefined {
  const [primaryBody, , certificationBody, subkeyBody, bindingBody] = bodies;
  if (!primaryBody || !certificationBody || !subkeyBody || !bindingBody) return undefined;
  const created = slotIn(template.primaryKey, 'created', primaryBody);
  const primaryKey = slotIn(template.primaryKey, 'primaryKey', primaryBody);
  const subkey = slotIn(template.subkey, 'subkey', subkeyBody);
  const certification = scalarsOf(template.certification, certificationBody);
  const binding = scalarsOf(template.binding, bindingBody);
  if (!created || !primaryKey || !subkey || !certification || !binding) return undefined;
  const createdDay = Buffer.from(created).readUInt32BE() / daySeconds;
  return { template: template.number, createdDay, primaryKey, subkey, certification, binding };
}

function slotIn(pieces: readonly Piece[], slot: Exclude<Slot, 'address'>, body: Uint8Array): Uint8Array | undefined {
  const start = sizeOf(pieces.slice(0, pieces.indexOf(slot)));
  const bytes = body.slice(start, start + slotBytes[slot]);
  return bytes.length === slotBytes[slot] ? bytes : undefined;
}

function scalarsOf(template: CertificateTemplate['binding'], body: Uint8Array): Uint8Array | undefined {
  return readTwoScalars(body.subarray(sizeOf(template.hashed) + sizeOf(template.unhashed) + hashPrefixBytes));
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + (slotBytes[piece as keyof typeof slotBytes] ?? piece.length / 2 - 1), 0);
}
