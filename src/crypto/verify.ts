import * as openpgp from 'openpgp';
import type { PublicKey } from './key.js';
import { packetTag } from './message-packets.js';
import { openpgpConfig } from './openpgp-config.js';
import { unwrapPublicKey } from './parsed-keys.js';
import type { Signature } from './signature.js';

type Message = openpgp.Message<Uint8Array>;

const { packet: tags, signature: signatureTypes } = openpgp.enums;

/**
 * Judges the signature of a decrypted message against candidate keys at `date`. Never rejects. The message has to be
 * wholly read, so that nothing is left that could still fail.
 */
export async function verifySignature(message: Message, signers: readonly PublicKey[], date: Date): Promise<Signature> {
  const outside = message.packets.filter(isSignature).length;
  const unwrapped = message.unwrapCompressed();
  if (unwrapped !== message && outside > 0) {
    return invalid('The signature is outside of the compressed data.');
  }
  const signatures = unwrapped.packets.filter(isSignature);
  const [signature] = signatures;
  if (signature === undefined) return { state: 'unsigned' };
  if (signatures.length > 1) return invalid(`The message has ${signatures.length} signatures instead of one.`);
  if (!(signature instanceof openpgp.SignaturePacket)) return invalid('The signature is of an unknown kind.');
  // A text signature does not cover line endings, and a payload is bytes.
  if (signature.signatureType !== signatureTypes.binary) return invalid('The signature is not over binary data.');

  const keyId = signature.issuerKeyID.toHex();
  if (!/^[0-9a-f]{16}$/.test(keyId) || /^0+$/.test(keyId)) return invalid('The signature does not name its key.');
  const candidates = signers.filter((signer) =>
    unwrapPublicKey(signer)
      .getKeyIDs()
      .some((id) => id.toHex() === keyId),
  );
  let verdict: Signature = { state: 'unknown-signer', keyId };
  for (const signer of candidates) {
    verdict = await verifyWith(message, signer, date);
    if (verdict.state === 'valid') return verdict;
  }
  return verdict;
}

async function verifyWith(message: Message, signer: PublicKey, date: Date): Promise<Signature> {
  const key = unwrapPublicKey(signer);
  try {
    const results = await message.verify([key], date, openpgpConfig);
    if (results.length !== 1) return invalid('The signature could not be checked.');
    // Checks the signature and that its key was good when it was made.
    for (const { verified } of results) await verified;
    // A revoked key is not trusted for older dates either: whoever has it can write any date.
    if (await key.isRevoked(undefined, undefined, date, openpgpConfig)) return invalid('The key is revoked.');
    return { state: 'valid', signer };
  } catch (error) {
    return invalid(error instanceof Error ? error.message.slice(0, 200) : 'The signature does not hold.');
  }
}

function isSignature(packet: openpgp.AnyPacket): boolean {
  return packetTag(packet) === tags.signature;
}

function invalid(reason: string): Signature {
  return { state: 'invalid', reason };
}
