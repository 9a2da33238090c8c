import { limits } from '../notify-spec/index.js';
import { readCryptoParameters } from './crypto-parameters.js';
import { GatewayError } from './gateway-error.js';
import type { HeaderFields } from './push-header.js';

/** Name of the draft content coding (draft-ietf-webpush-encryption-04 §2). */
export const aesgcm = 'aesgcm';

const lineText = /^[\x20-\x7e]+$/;

/**
 * Puts the two header fields that an `aesgcm` body cannot be decrypted without in front of it, as other UnifiedPush servers
 * do: `aesgcm\nEncryption: …\nCrypto-Key: …\n` and the body.
 *
 * Throws `ERR_GATEWAY_CODING` when there is no salt or no key or they are not one line of ASCII, or the body is empty, and
 * `ERR_GATEWAY_TOO_LARGE` when the whole is over 4096 bytes.
 */
export function foldAesgcm(fields: HeaderFields, body: Uint8Array): Uint8Array {
  const encryption = readField(fields, 'Encryption', 'salt');
  const cryptoKey = readField(fields, 'Crypto-Key', 'dh');
  const header = Buffer.from(`${aesgcm}\nEncryption: ${encryption}\nCrypto-Key: ${cryptoKey}\n`, 'latin1');
  const most = limits.payloadBytes - header.length;
  if (body.length > most) {
    const sentence = `The body is over the ${Math.max(0, most)} bytes that are left beside its Encryption and Crypto-Key; send less.`;
    throw new GatewayError('ERR_GATEWAY_TOO_LARGE', sentence);
  }
  return Buffer.concat([header, body]);
}

function readField(fields: HeaderFields, name: string, parameter: string): string {
  const values = fields[name.toLowerCase()] ?? [];
  // Several fields of one name are a list (RFC 9110 §5.3).
  const value = values.join(', ');
  if (!lineText.test(value) || !readCryptoParameters(values).get(parameter)) {
    throw new GatewayError('ERR_GATEWAY_CODING', `Give ${name} with its ${parameter}, in ASCII, or use aes128gcm.`);
  }
  return value;
}
