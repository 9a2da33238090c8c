import { fieldsBytes } from './seal-fields.js';
import { boxOverheadBytes } from './sealed-box.js';
import { GatewaySetupError } from './setup-error.js';

/** Longest URL of an endpoint: what Matrix takes as a push key. */
export const maxUrlBytes = 512;

/** The shortest bound on addresses that a gateway may have. */
const minAddressBytes = 64;

/** The URL of a sealed endpoint. */
export function endpointUrl(publicUrl: string, sealed: string): string {
  return `${publicUrl}/p/${sealed}`;
}

/**
 * Bytes of the longest address whose endpoint is at most 512 bytes at this gateway, with a VAPID key. A URL of 24 bytes
 * leaves 80.
 *
 * @throws GatewaySetupError `ERR_CONFIG_KEY` when it is under 64.
 */
export function longestAddress(publicUrl: string): number {
  const sealedChars = maxUrlBytes - Buffer.byteLength(endpointUrl(publicUrl, ''));
  const addressBytes = Math.floor((sealedChars * 6) / 8) - boxOverheadBytes - fieldsBytes;
  if (addressBytes < minAddressBytes) {
    throw new GatewaySetupError(
      'ERR_CONFIG_KEY',
      `gateway.public_url leaves ${Math.max(addressBytes, 0)} bytes for an address of ${maxUrlBytes} for an endpoint: use a shorter name.`,
    );
  }
  return addressBytes;
}
