import * as openpgp from 'openpgp';
import { CryptoError } from './errors.js';

const { publicKey: algorithms } = openpgp.enums;

const primaryAlgorithms: ReadonlySet<number> = new Set([
  algorithms.rsaEncryptSign,
  algorithms.rsaSign,
  algorithms.ecdsa,
  algorithms.eddsaLegacy,
  algorithms.ed25519,
  algorithms.ed448,
]);

const subkeyAlgorithms: ReadonlySet<number> = new Set([
  ...primaryAlgorithms,
  algorithms.rsaEncrypt,
  algorithms.ecdh,
  algorithms.x25519,
  algorithms.x448,
]);

const minRsaBits = 2048;
// Above these a single check of a stranger's key takes long enough to be an attack.
const maxRsaBits = 8192;
const maxRsaExponentBytes = 4;

type KeyPacket = openpgp.Key['keyPacket'] | openpgp.Subkey['keyPacket'];

/**
 * Checks a primary key packet before anything is computed with it: version 4, RSA of 2048 to 8192 bits or an elliptic
 * curve. Throws `ERR_KEY_INVALID` or `ERR_KEY_WEAK`.
 */
export function requirePrimaryKey(packet: KeyPacket): void {
  if (packet.version !== 4) {
    throw new CryptoError('ERR_KEY_INVALID', 'Only OpenPGP keys of version 4 are read; make a new key.');
  }
  if (!primaryAlgorithms.has(packet.algorithm) || !isStrong(packet)) {
    throw new CryptoError(
      'ERR_KEY_WEAK',
      'This kind of key is not taken; make an Ed25519 key or RSA of 2048 to 8192 bits.',
    );
  }
}

/** Tells whether a subkey may be used; one that may not is left out, its certificate stays usable. */
export function isUsableSubkey(packet: KeyPacket): boolean {
  return packet.version === 4 && subkeyAlgorithms.has(packet.algorithm) && isStrong(packet);
}

function isStrong(packet: KeyPacket): boolean {
  const { bits } = packet.getAlgorithmInfo();
  if (bits === undefined) return true;
  const { e } = packet.publicParams as { e?: Uint8Array };
  return bits >= minRsaBits && bits <= maxRsaBits && e !== undefined && e.length <= maxRsaExponentBytes;
}
