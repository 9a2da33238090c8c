import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { explainToClient } from './answer-error.js';
import { checkHeader } from './check-header.js';
import { createExchanges } from './exchanges.js';
import { GatewayError } from './gateway-error.js';
import { type ConnectionOptions, openServer } from './open-server.js';
import type { GatewayParts } from './parts.js';
import { readBody } from './read-body.js';
import { addEndpointsRoutes } from './routes/endpoints.js';
import { addGrantsRoutes } from './routes/grants.js';
import { addMatrixRoutes } from './routes/matrix.js';
import { addPushRoutes } from './routes/push.js';
import { addStatusRoutes } from './routes/status.js';
import { createSocketErrors } from './socket-errors.js';

/** Options of {@link createServer}. */
export interface ServerOptions extends ConnectionOptions {
  /**
   * The proxies whose `X-Forwarded-For` is believed: addresses or networks, such as `127.0.0.1` or `10.0.0.0/8`. Default: none,
   * and a client is who holds the connection.
   */
  readonly trustProxy?: readonly string[];
}

const jsonType = 'application/json; charset=utf-8';
/** Longer than any seal, and than what a client could mistake for one. */
const maxParamChars = 1024;

/**
 * Makes the HTTP server of a gateway, which does not listen yet. Every error is answered in JSON, whatever was wrong;
 * nothing that a client says of itself is believed; every size, count and time is bounded.
 */
export function createServer(parts: GatewayParts, options: ServerOptions = {}): FastifyInstance {
  const { log } = parts.runtime;
  const exchanges = createExchanges(parts);
  const socketErrors = createSocketErrors(exchanges, parts.runtime);
  const { trustProxy = [] } = options;

  const answer = (error: unknown, reply: FastifyReply): void => {
    const told = explainToClient(error, log);
    reply.status(told.status).headers(told.headers).type(jsonType).send(told.body);
  };

  const server = fastify({
    serverFactory: (handle) =>
      openServer(options, (request, response) => {
        exchanges.begin(request, response);
        handle(request, response);
      }),
    ...(trustProxy.length === 0 ? {} : { trustProxy: [...trustProxy] }),
    routerOptions: { maxParamLength: maxParamChars },
    return503OnClosing: false, // what is asked for on an open connection is still served, and then the connection ends
    clientErrorHandler: socketErrors.answerBroken,
    frameworkErrors: (error, _request, reply) => answer(error, reply),
  });
  server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    exchanges.begin(request, response);
    const sentence = 'The gateway meets no expectation but 100-continue; leave Expect out.';
    const { status, body } = new GatewayError('ERR_GATEWAY_EXPECTATION', sentence);
    const text = JSON.stringify(body);
    response.writeHead(status, {
      'Content-Type': jsonType,
      'Content-Length': Buffer.byteLength(text),
      Connection: 'close',
    });
    response.end(text);
  });
  server.server.on('connect', (_request, socket) => {
    const headers = { Allow: '' };
    socketErrors.answerTunnel(new GatewayError('ERR_GATEWAY_METHOD', 'The gateway is no proxy.', { headers }), socket);
  });

  for (const method of METHODS) {
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method, { hasBody: true });
  }
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    return await readBody(payload, request.routeOptions.bodyLimit);
  });
  server.addHook('onRequest', async (request) => {
    const { raw } = request;
    exchanges.routed(raw, request.routeOptions.url ?? 'none');
    checkHeader(raw);
    // A body is bytes, whatever it says of itself; fastify would refuse what it cannot parse, and what has no type.
    raw.headers['content-type'] = 'application/octet-stream';
  });
  let closing = false;
  server.addHook('preClose', async () => {
    closing = true;
  });
  server.addHook('onSend', async (request, reply) => {
    // What is left of a body would be read as the next request.
    if (closing || !request.raw.complete) reply.header('Connection', 'close');
  });
  server.setErrorHandler((error, _request, reply) => answer(error, reply));
  server.setNotFoundHandler(async () => {
    throw new GatewayError('ERR_GATEWAY_PATH', 'There is no such path; push to an endpoint as the app gave it.');
  });
  addPushRoutes(server, parts);
  addMatrixRoutes(server, parts);
  addGrantsRoutes(server, parts);
  addEndpointsRoutes(server, parts);
  addStatusRoutes(server, parts);
  return server;
}
