import * as openpgp from 'openpgp';
import { CryptoError } from './errors.js';
import type { PrivateKey, PublicKey } from './key.js';
import { openpgpConfig } from './openpgp-config.js';
import { unwrapPrivateKey, unwrapPublicKey } from './parsed-keys.js';

/** Options of {@link seal}. */
export interface SealOptions {
  /** Only this key can open the message; it is not encrypted to the signer as well. */
  readonly recipient: PublicKey;
  readonly signer: PrivateKey;
  /** Time of the signature in milliseconds since 1970. */
  readonly now: number;
}

/**
 * Signs `data` and encrypts data and signature together in one OpenPGP message (RFC 9580 §10.3), never compressed, in
 * SEIPDv1 for keys that do not announce more. Returns the message armored, without version or comment.
 *
 * The armor ends with a checksum, which RFC 9580 §6.1 makes optional: without it GnuPG fails on base64 that happens to
 * end without padding. Throws `ERR_KEY_UNUSABLE` when either key cannot be used now.
 */
export async function seal(data: Uint8Array, options: SealOptions): Promise<string> {
  const recipient = unwrapPublicKey(options.recipient);
  const signer = unwrapPrivateKey(options.signer);
  const date = new Date(options.now);
  try {
    return await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: new Uint8Array(data), date }),
      encryptionKeys: recipient,
      signingKeys: signer,
      date,
      config: openpgpConfig,
    });
  } catch (cause) {
    throw new CryptoError('ERR_KEY_UNUSABLE', 'A key cannot be used now; check whether it is expired or revoked.', {
      cause,
    });
  }
}
