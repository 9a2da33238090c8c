import type * as openpgp from 'openpgp';
import { CryptoError } from './errors.js';
import type { PrivateKey, PublicKey } from './key.js';

const publicKeys = new WeakMap<PublicKey, openpgp.PublicKey>();
const privateKeys = new WeakMap<PrivateKey, openpgp.PrivateKey>();

/** Wraps a checked certificate. `address` comes from a user id whose self-signature was verified. */
export function wrapPublicKey(parsed: openpgp.PublicKey, address: string | undefined): PublicKey {
  const key: PublicKey = Object.freeze({ fingerprint: parsed.getFingerprint(), address, keydata: parsed.write() });
  publicKeys.set(key, parsed);
  return key;
}

/** Wraps an unlocked private key together with its public half. */
export function wrapPrivateKey(parsed: openpgp.PrivateKey, publicKey: PublicKey): PrivateKey {
  const { fingerprint, address } = publicKey;
  const key: PrivateKey = Object.freeze({ fingerprint, address, publicKey });
  privateKeys.set(key, parsed);
  return key;
}

/** The parsed certificate behind an opaque key. Throws `ERR_KEY_INVALID` for an object that was not made here. */
export function unwrapPublicKey(key: PublicKey): openpgp.PublicKey {
  const parsed = publicKeys.get(key);
  if (parsed === undefined) throw foreignKey();
  return parsed;
}

/** The parsed private key behind an opaque one. Throws `ERR_KEY_INVALID` for an object that was not made here. */
export function unwrapPrivateKey(key: PrivateKey): openpgp.PrivateKey {
  const parsed = privateKeys.get(key);
  if (parsed === undefined) throw foreignKey();
  return parsed;
}

function foreignKey(): CryptoError {
  return new CryptoError('ERR_KEY_INVALID', 'This is not a parsed key; parse its bytes first.');
}
