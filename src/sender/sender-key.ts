import { CryptoError, formatAutocrypt, type PrivateKey, parsePrivateKey } from '../crypto/index.js';
import { canonicalAddress } from '../notify-spec/index.js';
import { PushError } from './errors.js';

/** The app server's key, and the value of the Autocrypt header that carries its public half. */
export interface SenderKey {
  readonly key: PrivateKey;
  readonly autocrypt: string;
}

/**
 * The app server's key, parsed if need be. Devices refuse a push whose sender is not the address of its key (Email-Notify
 * 1), so that is checked here first. Rejects with `ERR_KEY_INVALID` or `ERR_KEY_LOCKED`, both action-required.
 */
export async function readSenderKey(given: string | PrivateKey, from: string): Promise<SenderKey> {
  const key = typeof given === 'string' ? await parse(given) : given;
  if (key.address === undefined || !isSame(key.address, from)) {
    throw keyError('ERR_KEY_INVALID', "The sender's key is not for the address in from; make one that is.");
  }
  return { key, autocrypt: handshakeOf(key, from) };
}

function handshakeOf(key: PrivateKey, from: string): string {
  try {
    return formatAutocrypt({ address: from, keydata: key.publicKey.keydata, preferEncrypt: 'mutual' });
  } catch (cause) {
    throw keyError('ERR_KEY_INVALID', "The sender's key is too large for a mail header; make a new one.", cause);
  }
}

async function parse(armored: string): Promise<PrivateKey> {
  try {
    return await parsePrivateKey(armored);
  } catch (cause) {
    if (cause instanceof CryptoError && cause.code === 'ERR_KEY_LOCKED') {
      throw keyError('ERR_KEY_LOCKED', "The sender's key is locked; export it without a passphrase.", cause);
    }
    throw keyError('ERR_KEY_INVALID', "The sender's key cannot be used; give an armored OpenPGP private key.", cause);
  }
}

function isSame(address: string, from: string): boolean {
  try {
    return canonicalAddress(address) === canonicalAddress(from);
  } catch {
    return false;
  }
}

function keyError(code: 'ERR_KEY_INVALID' | 'ERR_KEY_LOCKED', message: string, cause?: unknown): PushError {
  return new PushError(code, message, { disposition: 'action-required', cause });
}
