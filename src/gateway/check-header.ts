import type { IncomingMessage } from 'node:http';
import { GatewayError } from './gateway-error.js';

const maxFields = 100;

/**
 * Refuses a request whose header another HTTP program on the way could have read in another way, or that is too long. What
 * Node's parser refuses by itself, such as Content-Length beside Transfer-Encoding, never gets here.
 *
 * Throws `ERR_GATEWAY_REQUEST` or `ERR_GATEWAY_HEADER_TOO_LARGE`.
 */
export function checkHeader({ rawHeaders, headersDistinct, httpVersion }: IncomingMessage): void {
  if (rawHeaders.length > 2 * maxFields) {
    throw new GatewayError(
      'ERR_GATEWAY_HEADER_TOO_LARGE',
      `The request has over ${maxFields} header fields; send fewer.`,
    );
  }
  const hosts = headersDistinct.host?.length ?? 0;
  // RFC 9112 §3.2: one Host, but for HTTP/1.0, which need not have it.
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0')) {
    throw new GatewayError('ERR_GATEWAY_REQUEST', 'A request has one Host header; correct it.');
  }
  const codings = headersDistinct['transfer-encoding'];
  // RFC 9112 §6.1: HTTP/1.0 has no Transfer-Encoding, and a coding that is not understood is an error.
  if (codings !== undefined && (httpVersion === '1.0' || codings.join().trim().toLowerCase() !== 'chunked')) {
    throw new GatewayError('ERR_GATEWAY_REQUEST', 'Send the body with Content-Length, or chunked and nothing else.');
  }
}
