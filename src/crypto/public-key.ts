import * as openpgp from 'openpgp';
import { adoptCertificate } from './certificate.js';
import { CryptoError } from './errors.js';
import type { PublicKey } from './key.js';
import { openpgpConfig } from './openpgp-config.js';

const maxKeydataBytes = 10_240;

/**
 * Parses one binary OpenPGP certificate, as Autocrypt's `keydata` holds it (Autocrypt Level 1, "OpenPGP Based key data"), at most
 * 10 240 bytes: five packets or more, version 4, RSA of 2048 bits or more, or an elliptic curve. Of more than that only
 * what is used is kept. Throws `ERR_KEY_INVALID` or `ERR_KEY_WEAK`.
 */
export async function parsePublicKey(keydata: Uint8Array): Promise<PublicKey> {
  if (!(keydata instanceof Uint8Array) || keydata.length === 0 || keydata.length > maxKeydataBytes) {
    throw new CryptoError('ERR_KEY_INVALID', `A key is 1 to ${maxKeydataBytes} bytes; export a minimal one.`);
  }
  try {
    const keys = await openpgp.readKeys({ binaryKeys: new Uint8Array(keydata), config: openpgpConfig });
    const [key] = keys;
    if (key === undefined || keys.length !== 1) {
      throw new CryptoError('ERR_KEY_INVALID', 'The data holds more than one key; export a single one.');
    }
    if (key.isPrivate()) {
      throw new CryptoError('ERR_KEY_INVALID', 'This is a private key; give its public half and keep this one secret.');
    }
    return await adoptCertificate(key);
  } catch (cause) {
    if (cause instanceof CryptoError) throw cause;
    throw new CryptoError('ERR_KEY_INVALID', 'The data is not an OpenPGP public key; export it again.', { cause });
  }
}
