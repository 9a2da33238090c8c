import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readPackets } from '../../src/crypto/certificate-packets.js';
import { type ReducedCertificate, rebuildCertificate } from '../../src/crypto/index.js';

const uint32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const hashedKey = (body: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x99, body.length >> 8, body.length & 0xff), body]);

/**
 * A certificate of template 1 whose owner has bound any 32 bytes as its encryption subkey: all signatures hold. Made without the
 * library, as whoever wants to do harm would.
 */
export function bindSubkey(address: string, subkey: Uint8Array, createdDay: number): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const primaryKey = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
  const unsigned = { template: 1, createdDay, primaryKey, subkey };
  const none = new Uint8Array(64);
  const make = (certificate: ReducedCertificate): Uint8Array => {
    const keydata = rebuildCertificate(certificate, address);
    if (keydata === undefined) throw new TypeError('These parts make no certificate.');
    return keydata;
  };
  const bodies = readPackets(make({ ...unsigned, certification: none, binding: none }))?.map(({ body }) => body);
  const [primaryBody, userIdBody, certificationBody, subkeyBody, bindingBody] = bodies ?? [];
  if (!primaryBody || !userIdBody || !certificationBody || !subkeyBody || !bindingBody) {
    throw new TypeError('A certificate is five packets.');
  }
  const signed = (covered: readonly Uint8Array[], body: Uint8Array): Uint8Array => {
    const hashed = body.subarray(0, 6 + Buffer.from(body).readUInt16BE(4));
    const digest = createHash('sha512');
    for (const bytes of [...covered, hashed, Uint8Array.of(4, 0xff), uint32(hashed.length)]) digest.update(bytes);
    return new Uint8Array(sign(null, digest.digest(), privateKey));
  };
  const userId = Buffer.concat([Uint8Array.of(0xb4), uint32(userIdBody.length), userIdBody]);
  return make({
    ...unsigned,
    certification: signed([hashedKey(primaryBody), userId], certificationBody),
    binding: signed([hashedKey(primaryBody), hashedKey(subkeyBody)], bindingBody),
  });
}
