import * as openpgp from 'openpgp';
import { CryptoError } from './errors.js';
import type { PublicKey } from './key.js';
import { openpgpConfig } from './openpgp-config.js';
import { unwrapPublicKey } from './parsed-keys.js';

/**
 * Tries whether something can be encrypted to a key at `now` (ms since 1970), by encrypting a session key of zeros and
 * throwing it away. That a certificate holds does not tell: its owner can bind any bytes as a subkey, among them the points of
 * small order with which X25519 has no secret (RFC 7748 §6.1). Throws `ERR_KEY_UNUSABLE`.
 */
export async function tryEncryption(recipient: PublicKey, now: number): Promise<void> {
  try {
    await openpgp.encryptSessionKey({
      data: new Uint8Array(32),
      algorithm: 'aes256',
      encryptionKeys: unwrapPublicKey(recipient),
      date: new Date(now),
      format: 'binary',
      config: openpgpConfig,
    });
  } catch (cause) {
    if (cause instanceof CryptoError) throw cause;
    throw new CryptoError('ERR_KEY_UNUSABLE', 'Nothing can be encrypted to this key now; make a new one.', { cause });
  }
}
