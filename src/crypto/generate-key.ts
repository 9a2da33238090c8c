import * as openpgp from 'openpgp';
import { isAddress } from '../notify-spec/index.js';
import { CryptoError } from './errors.js';
import type { PrivateKey } from './key.js';
import { openpgpConfig } from './openpgp-config.js';
import { wrapPrivateKey, wrapPublicKey } from './parsed-keys.js';

const dayMs = 86_400_000;

/**
 * Makes a key pair of exactly five packets with the user id `<address>`: a v4 Ed25519 primary key and a Curve25519
 * encryption subkey, in the form every Autocrypt client reads (RFC 9580 §5.5.5.5 EdDSALegacy, §5.5.5.6 ECDH;
 * Autocrypt Level 1, "OpenPGP Based key data").
 *
 * The key is dated midnight UTC of the day before `now` (ms since 1970), so that a clock that is ahead does not make a
 * key that its reader takes for one from the future. It never expires. Throws `ERR_KEY_ADDRESS_INVALID`.
 */
export async function generateKey(options: { address: string; now: number }): Promise<PrivateKey> {
  const { address, now } = options;
  if (!isAddress(address)) {
    throw new CryptoError('ERR_KEY_ADDRESS_INVALID', 'A key is made for one plain mail address.');
  }
  try {
    const { privateKey, publicKey } = await openpgp.generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: address }],
      date: new Date(Math.floor(now / dayMs) * dayMs - dayMs),
      format: 'object',
      config: openpgpConfig,
    });
    return wrapPrivateKey(privateKey, wrapPublicKey(publicKey, address));
  } catch (cause) {
    throw new CryptoError('ERR_KEY_ADDRESS_INVALID', 'No key could be made for this address; use a plain one.', {
      cause,
    });
  }
}
