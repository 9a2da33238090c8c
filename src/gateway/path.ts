import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from './gateway-error.js';
import type { RequestBody } from './read-body.js';

/** Answers one request: resolves to the body of the answer, or rejects with a GatewayError. */
export type RequestHandler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** A path and what can be done with it. */
export interface Path {
  /** Its pattern, such as `/p/:sealed`. */
  readonly url: string;
  /** Largest body that is kept; see {@link bodyOf}. Default 0. */
  readonly bodyLimitBytes?: number;
  /** One handler for each method; GET answers HEAD too. Every other method is a 405 that lists these. */
  readonly handlers: Readonly<Record<string, RequestHandler>>;
}

/** Adds a path to a server. */
export function addPath(server: FastifyInstance, path: Path): void {
  const { url, handlers } = path;
  // Fastify knows no limit of 0.
  const bodyLimit = Math.max(1, path.bodyLimitBytes ?? 0);
  const allowed = Object.keys(handlers).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  for (const [method, handler] of Object.entries(handlers)) server.route({ method, url, bodyLimit, handler });

  const others = server.supportedMethods.filter((method) => !allowed.includes(method));
  const refuse: RequestHandler = async () => {
    // An empty list says that the path takes no method at all (RFC 9110 §10.2.1).
    const headers = { Allow: allowed.join(', ') };
    throw new GatewayError('ERR_GATEWAY_METHOD', 'This path does not take this method; see Allow.', { headers });
  };
  server.route({ method: others, url, bodyLimit, handler: refuse, exposeHeadRoute: false });
}

/** The body of a request, empty if it has none. Throws `ERR_GATEWAY_TOO_LARGE` if it is over the limit of its path. */
export function bodyOf(request: FastifyRequest): Buffer {
  const body = request.body as RequestBody | undefined;
  if (body === undefined) return Buffer.alloc(0);
  if (body === 'too large') {
    const limit = request.routeOptions.bodyLimit;
    throw new GatewayError('ERR_GATEWAY_TOO_LARGE', `The body is over ${limit} bytes; send less.`);
  }
  return body.bytes;
}

/** How deep arrays and objects of a body may be nested. Without a bound, writing it again could need more stack than there is. */
const maxJsonLevels = 64;

/**
 * The body of a request read as JSON, whatever its Content-Type says; nothing about its shape is checked but that it is at
 * most 64 levels deep. Throws `ERR_GATEWAY_TOO_LARGE` or `ERR_GATEWAY_REQUEST`.
 */
export function jsonOf(request: FastifyRequest): unknown {
  const value = deepJsonOf(request);
  if (!fitsInto(value, maxJsonLevels)) {
    throw new GatewayError('ERR_GATEWAY_REQUEST', `The body is nested over ${maxJsonLevels} levels deep; flatten it.`);
  }
  return value;
}

/** The same, however deep it is: not everything that comes out of it can be written again. */
export function deepJsonOf(request: FastifyRequest): unknown {
  const body = bodyOf(request);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new GatewayError('ERR_GATEWAY_REQUEST', 'The body is not JSON in UTF-8; correct it.');
  }
}

function fitsInto(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => fitsInto(each, levels - 1));
}
