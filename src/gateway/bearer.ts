import type { FastifyRequest } from 'fastify';
import { canonicalAddress } from '../notify-spec/index.js';
import { GatewayError } from './gateway-error.js';
import type { GatewayParts } from './parts.js';

const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The address that the grant of a request is for: `Authorization: Bearer …` (RFC 6750 §2.1), the only way to send it. Throws
 * `ERR_GATEWAY_UNAUTHORIZED` with `WWW-Authenticate` (§3) when it is missing, expired, or not of this gateway.
 */
export function grantedAddress(
  request: FastifyRequest,
  { sealer, runtime }: Pick<GatewayParts, 'sealer' | 'runtime'>,
): string {
  const fields = request.raw.headersDistinct.authorization ?? [];
  if (fields.length === 0) throw unauthorized('Send the grant as Authorization: Bearer.', 'Bearer');
  const token = fields.length === 1 ? bearer.exec(fields[0] ?? '')?.[1] : undefined;
  const grant = token === undefined ? undefined : sealer.openGrant(token);
  if (grant === undefined || grant.expires * 1000 <= runtime.now()) {
    throw unauthorized(
      'The grant has expired or is not of this gateway; ask for another.',
      'Bearer error="invalid_token"',
    );
  }
  return grant.address;
}

/** Throws `ERR_GATEWAY_FORBIDDEN` unless both are the same address; a sub-address is another one. */
export function requireSameAddress(granted: string, address: string): void {
  if (canonicalAddress(granted) === canonicalAddress(address)) return;
  throw new GatewayError('ERR_GATEWAY_FORBIDDEN', 'The grant is for another address; ask for one for this.');
}

function unauthorized(message: string, challenge: string): GatewayError {
  return new GatewayError('ERR_GATEWAY_UNAUTHORIZED', message, { headers: { 'WWW-Authenticate': challenge } });
}
