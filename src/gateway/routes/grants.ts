import type { FastifyInstance } from 'fastify';
import * as v from 'valibot';
import { formatEndpoint } from '../../notify-spec/index.js';
import { type GrantFailure, judgeGrantFailure } from '../grant-failure.js';
import type { GatewayParts } from '../parts.js';
import { addPath, type RequestHandler } from '../path.js';
import { countFaults, maxRequestBytes, readMailEndpoint, readRequest, tooMany } from '../v1-request.js';

/** 16 to 32 bytes in base64url. */
const nonce = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22,43}$/));
const grantRequest = v.strictObject({ endpoint: v.string(), nonce });

/** How long a grant mail is worth delivering: a distributor asks again after that. */
const grantTtlSeconds = 3600;

/** Adds `/v1/grants` (docs/gateway.md): POST mails a grant to the mailbox of an endpoint, so that only who reads it has it. */
export function addGrantsRoutes(server: FastifyInstance, parts: GatewayParts): void {
  const { sealer, grantSender, limits, publicUrl } = parts;

  const ask: RequestHandler = async (request, reply) => {
    const body = readRequest(
      request,
      grantRequest,
      '{"endpoint":"mailto:…","nonce":"…"}, the nonce being 16 to 32 bytes in base64url',
    );
    const endpoint = readMailEndpoint(body.endpoint);
    const { address } = endpoint;
    const allowance = await limits.grant({ address, client: request.ip });
    if ('retryAfterSeconds' in allowance) throw tooMany(allowance.retryAfterSeconds);
    try {
      // A grant is of use only to whoever's endpoints can be sealed.
      await sealer.sealEndpoint(endpoint, undefined);
      const { grant, expires } = sealer.sealGrant(address);
      const payload = JSON.stringify({ version: 1, gateway: publicUrl, nonce: body.nonce, grant, expires });
      await grantSender.send(formatEndpoint(endpoint), payload, {
        TTL: grantTtlSeconds,
        urgency: 'high',
        contentType: 'application/vnd.mailpush.grant',
      });
    } catch (cause) {
      const failure: GrantFailure = judgeGrantFailure(cause);
      if (failure.counts !== 'sent') await allowance.giveBack(failure.counts);
      throw failure.error;
    }
    reply.status(202);
    return {};
  };

  addPath(server, {
    url: '/v1/grants',
    bodyLimitBytes: maxRequestBytes,
    handlers: { POST: countFaults(limits, ask) },
  });
}
