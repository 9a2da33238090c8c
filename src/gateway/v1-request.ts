import type { FastifyRequest } from 'fastify';
import * as v from 'valibot';
import { type MailEndpoint, NotifyError, parseEndpoint } from '../notify-spec/index.js';
import { GatewayError } from './gateway-error.js';
import type { Limits } from './parts.js';
import { jsonOf, type RequestHandler } from './path.js';

/** Largest body of a request to `/v1`; an endpoint has at most 1000 bytes. */
export const maxRequestBytes = 4096;

const jsonType = /^application\/json(?:[ \t]*;|[ \t]*$)/i;

/**
 * The JSON body of a request, of exactly the shape of `schema`. The content type has to be `application/json`: a browser asks before it
 * sends that to another site, so that no web page can have its visitors ask for grants.
 *
 * Throws `ERR_GATEWAY_REQUEST`, whose message ends in `shape`, and what `jsonOf` throws.
 */
export function readRequest<T>(request: FastifyRequest, schema: v.GenericSchema<unknown, T>, shape: string): T {
  const types = request.raw.headersDistinct['content-type'] ?? [];
  if (types.length !== 1 || !jsonType.test(types[0] ?? '')) {
    throw new GatewayError('ERR_GATEWAY_REQUEST', 'Send JSON, with the Content-Type application/json.');
  }
  const parsed = v.safeParse(schema, jsonOf(request));
  if (!parsed.success) throw new GatewayError('ERR_GATEWAY_REQUEST', `The body is not ${shape}.`);
  return parsed.output;
}

/** Reads a `mailto:` endpoint. Throws `ERR_GATEWAY_REQUEST`. */
export function readMailEndpoint(uri: string): MailEndpoint {
  try {
    return parseEndpoint(uri);
  } catch (cause) {
    if (!(cause instanceof NotifyError)) throw cause;
    throw new GatewayError('ERR_GATEWAY_REQUEST', 'The endpoint is not a mailto: endpoint of Email-Notify 1.', {
      cause,
    });
  }
}

/** What a client is told that is over a limit. */
export function tooMany(retryAfterSeconds: number): GatewayError {
  const sentence = 'There were too many requests; try again when Retry-After is over.';
  return new GatewayError('ERR_GATEWAY_TOO_MANY', sentence, { retryAfterSeconds });
}

/** The same handler; requests that are not valid are counted by client, and too many of them end in `ERR_GATEWAY_TOO_MANY`. */
export function countFaults(limits: Limits, handler: RequestHandler): RequestHandler {
  return async (request, reply) => {
    const refusal = await limits.faults(request.ip);
    if (refusal !== undefined) throw tooMany(refusal.retryAfterSeconds);
    try {
      return await handler(request, reply);
    } catch (error) {
      if (error instanceof GatewayError && error.status < 429) await limits.fault(request.ip);
      throw error;
    }
  };
}
