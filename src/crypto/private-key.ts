import * as openpgp from 'openpgp';
import { adoptCertificate } from './certificate.js';
import { CryptoError } from './errors.js';
import type { PrivateKey } from './key.js';
import { openpgpConfig } from './openpgp-config.js';
import { unwrapPrivateKey, wrapPrivateKey } from './parsed-keys.js';

const maxPrivateKeyBytes = 65_536;
const dash = 0x2d;

/** The private key in binary, unprotected: for a store that is itself kept secret. */
export function serializePrivateKey(key: PrivateKey): Uint8Array {
  return unwrapPrivateKey(key).write();
}

/** The private key as armored text (RFC 9580 §6), unprotected: for a file that only its owner reads. */
export function armorPrivateKey(key: PrivateKey): string {
  return unwrapPrivateKey(key).armor(openpgpConfig);
}

/**
 * Parses one private key, armored (text or its bytes) or binary, at most 65 536 bytes, and checks that its secret and
 * public halves belong together. Throws `ERR_KEY_INVALID`, `ERR_KEY_WEAK`, or `ERR_KEY_LOCKED` (action-required) when
 * a passphrase protects it.
 */
export async function parsePrivateKey(data: Uint8Array | string): Promise<PrivateKey> {
  if ((typeof data !== 'string' && !(data instanceof Uint8Array)) || data.length === 0) {
    throw new CryptoError('ERR_KEY_INVALID', 'The private key is empty; give an armored or binary one.');
  }
  if (data.length > maxPrivateKeyBytes) {
    throw new CryptoError(
      'ERR_KEY_INVALID',
      `A private key is at most ${maxPrivateKeyBytes} bytes; export a minimal one.`,
    );
  }
  try {
    const keys = await readPrivateKeys(data);
    const [key] = keys;
    if (key === undefined || keys.length !== 1) {
      throw new CryptoError('ERR_KEY_INVALID', 'The data holds more than one private key; export a single one.');
    }
    const publicKey = await adoptCertificate(key.toPublic());
    if (!isUnlocked(key)) {
      throw new CryptoError('ERR_KEY_LOCKED', 'The private key is locked; export it without a passphrase.', {
        disposition: 'action-required',
      });
    }
    await validate(key);
    return wrapPrivateKey(key, publicKey);
  } catch (cause) {
    if (cause instanceof CryptoError) throw cause;
    throw new CryptoError('ERR_KEY_INVALID', 'The data is not an OpenPGP private key; export it again.', { cause });
  }
}

function readPrivateKeys(data: Uint8Array | string): Promise<openpgp.PrivateKey[]> {
  if (typeof data === 'string') return openpgp.readPrivateKeys({ armoredKeys: data, config: openpgpConfig });
  if (data[0] !== dash) return openpgp.readPrivateKeys({ binaryKeys: new Uint8Array(data), config: openpgpConfig });
  return openpgp.readPrivateKeys({ armoredKeys: new TextDecoder().decode(data), config: openpgpConfig });
}

// `isDecrypted()` of a whole key is true as soon as one part is unlocked.
function isUnlocked(key: openpgp.PrivateKey): boolean {
  return key.getKeys().every((part) => part.keyPacket.isDecrypted());
}

async function validate(key: openpgp.PrivateKey): Promise<void> {
  for (const { keyPacket } of key.getKeys()) {
    if (keyPacket instanceof openpgp.SecretKeyPacket || keyPacket instanceof openpgp.SecretSubkeyPacket) {
      await keyPacket.validate();
    }
  }
}
