import * as openpgp from 'openpgp';
import { CryptoError } from './errors.js';
import type { PublicKey } from './key.js';
import { isUsableSubkey, requirePrimaryKey } from './key-requirements.js';
import { atAnyTime, openpgpConfig } from './openpgp-config.js';
import { wrapPublicKey } from './parsed-keys.js';

// Five packets are what Autocrypt sends; old keys with many user ids and certifications still fit.
const maxPackets = 64;
const { signData, encryptCommunication, encryptStorage } = openpgp.enums.keyFlags;

/**
 * Checks a certificate and reduces it to what is used: the primary key, its revocations and direct signatures, the
 * primary user id with its newest self-signature, the newest encryption subkey, and signing subkeys.
 *
 * Expired or revoked keys are kept as such: whether a key was good is judged where it is used. Throws
 * `ERR_KEY_INVALID` or `ERR_KEY_WEAK`.
 */
export async function adoptCertificate(certificate: openpgp.PublicKey): Promise<PublicKey> {
  requirePrimaryKey(certificate.keyPacket);
  const all = certificate.toPacketList();
  if (all.length > maxPackets) {
    throw new CryptoError('ERR_KEY_INVALID', `The key has over ${maxPackets} packets; export a minimal one.`);
  }
  const subkeys = certificate.subkeys.filter((subkey) => isUsableSubkey(subkey.keyPacket));
  certificate.subkeys = subkeys;

  const { user, selfCertification } = await primaryUser(certificate);
  const kept = new Set<unknown>([certificate.keyPacket, user.userID, selfCertification, ...user.revocationSignatures]);
  for (const packet of await usedSubkeyPackets(subkeys)) kept.add(packet);
  const ofUsersAndSubkeys = new Set<unknown>([
    ...certificate.users.flatMap((each) => [...each.toPacketList()]),
    ...certificate.subkeys.flatMap((each) => [each.keyPacket, ...each.bindingSignatures, ...each.revocationSignatures]),
  ]);

  const packets = new openpgp.PacketList<openpgp.AnyPacket>();
  for (const packet of certificate.toPacketList()) {
    if (kept.has(packet) || !ofUsersAndSubkeys.has(packet)) packets.push(packet);
  }
  const { email } = user.userID ?? {};
  return wrapPublicKey(new openpgp.PublicKey(packets), email === undefined || email === '' ? undefined : email);
}

async function primaryUser(certificate: openpgp.PublicKey): Promise<openpgp.PrimaryUser> {
  try {
    return await certificate.getPrimaryUser(atAnyTime, undefined, openpgpConfig);
  } catch (cause) {
    throw new CryptoError('ERR_KEY_INVALID', 'The key has no user id that it signed itself; export it again.', {
      cause,
    });
  }
}

async function usedSubkeyPackets(subkeys: readonly openpgp.Subkey[]): Promise<readonly unknown[]> {
  const used: unknown[] = [];
  let encryption: { created: number; packets: unknown[] } | undefined;
  for (const subkey of subkeys) {
    const binding = await newestBinding(subkey);
    if (binding === undefined) continue;
    const packets = [subkey.keyPacket, binding, ...subkey.revocationSignatures];
    const flags = binding.keyFlags?.[0] ?? 0;
    if ((flags & signData) !== 0) used.push(...packets);
    if ((flags & (encryptCommunication | encryptStorage)) === 0) continue;
    const created = subkey.getCreationTime().getTime();
    if (encryption === undefined || created >= encryption.created) encryption = { created, packets };
  }
  return [...used, ...(encryption?.packets ?? [])];
}

// A subkey that is revoked or badly bound is of no use, whenever it is asked for.
async function newestBinding(subkey: openpgp.Subkey): Promise<openpgp.SignaturePacket | undefined> {
  try {
    return await subkey.verify(atAnyTime, openpgpConfig);
  } catch {
    return undefined;
  }
}
