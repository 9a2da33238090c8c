import { MailpushError } from '../errors.js';

/**
 * What this folder throws, and nothing else: whatever bytes come in, every failure is one of these. Its codes:
 *
 * | Code | When |
 * |---|---|
 * | `ERR_KEY_ADDRESS_INVALID` | a key was asked for an address that is not one plain address |
 * | `ERR_KEY_INVALID` | bytes are not one OpenPGP v4 certificate with a valid user id, or a part of it is not supported |
 * | `ERR_KEY_WEAK` | RSA below 2048 bits, or an algorithm that is not taken |
 * | `ERR_KEY_LOCKED` | a private key is protected by a passphrase, or lacks its secret part |
 * | `ERR_KEY_UNUSABLE` | a key cannot encrypt or sign now: revoked, expired, from the future, no such subkey |
 * | `ERR_MESSAGE_MALFORMED` | a text is not one armored message encrypted to a public key, or is over a limit |
 * | `ERR_MESSAGE_UNREADABLE` | a message did not decrypt with this key, or was changed on its way |
 * | `ERR_AUTOCRYPT_INVALID` | an Autocrypt header breaks Autocrypt Level 1 |
 */
export class CryptoError extends MailpushError {}
