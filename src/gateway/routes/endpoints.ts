import type { FastifyInstance } from 'fastify';
import * as v from 'valibot';
import { grantedAddress, requireSameAddress } from '../bearer.js';
import { GatewayError } from '../gateway-error.js';
import type { GatewayParts } from '../parts.js';
import { addPath, type RequestHandler } from '../path.js';
import { countFaults, maxRequestBytes, readMailEndpoint, readRequest, tooMany } from '../v1-request.js';

const sealRequest = v.strictObject({ endpoint: v.string(), vapid: v.optional(v.string()) });
const revokeRequest = v.strictObject({ endpoint: v.string() });

/**
 * Adds `/v1/endpoints` (docs/gateway.md): with a grant for an address, POST seals an endpoint of it and DELETE revokes what was
 * sealed, along with what was sealed for the same endpoint before.
 */
export function addEndpointsRoutes(server: FastifyInstance, parts: GatewayParts): void {
  const { sealer, limits, revocations, metrics, publicUrl, fingerprint } = parts;
  const sealedPrefix = `${publicUrl}/p/`;

  const seal: RequestHandler = async (request, reply) => {
    const granted = grantedAddress(request, parts);
    const { endpoint: uri, vapid } = readRequest(request, sealRequest, '{"endpoint":"mailto:…","vapid":"…"}');
    const endpoint = readMailEndpoint(uri);
    requireSameAddress(granted, endpoint.address);
    const refusal = await limits.seal(endpoint.address);
    if (refusal !== undefined) throw tooMany(refusal.retryAfterSeconds);
    const { url, expires } = await sealer.sealEndpoint(endpoint, vapid);
    metrics.sealed();
    reply.status(201).header('Cache-Control', 'no-store');
    return { endpoint: url, expires, sender: fingerprint };
  };

  const revoke: RequestHandler = async (request, reply) => {
    const granted = grantedAddress(request, parts);
    const { endpoint: url } = readRequest(request, revokeRequest, `{"endpoint":"${sealedPrefix}…"}`);
    const sealed = url.startsWith(sealedPrefix) ? sealer.openEndpoint(url.slice(sealedPrefix.length)) : undefined;
    if (sealed === undefined) {
      throw new GatewayError(
        'ERR_GATEWAY_SEAL_UNKNOWN',
        'This endpoint is none of this gateway; there is nothing to revoke.',
      );
    }
    requireSameAddress(granted, sealed.endpoint.address);
    const { id, endpoint, expires } = sealed;
    await revocations.revokeSeal(id, expires);
    // What it was renewed from is good as long as it lives, and an app server may have nothing else. One of the same second may be newer.
    await revocations.revokeEndpoint(endpoint, expires - 1);
    metrics.revoked();
    reply.status(204);
    return undefined;
  };

  addPath(server, {
    url: '/v1/endpoints',
    bodyLimitBytes: maxRequestBytes,
    handlers: { POST: countFaults(limits, seal), DELETE: countFaults(limits, revoke) },
  });
}
