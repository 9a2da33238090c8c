import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

/** What bounds the connections of a gateway. */
export interface ConnectionOptions {
  /** Serves HTTPS with these files, in PEM. Default: HTTP, for a proxy in front. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Milliseconds in which the header of a request has to be there, and a TLS handshake done. Default 10 000. */
  readonly headerTimeoutMs?: number;
  /** Milliseconds in which a whole request has to be there. Default 20 000. */
  readonly requestTimeoutMs?: number;
  /** How often those two are looked after, in milliseconds. Default 1000. */
  readonly checkIntervalMs?: number;
  /** Milliseconds that a connection is kept for a next request: longer than the proxy in front keeps it. Default 75 000. */
  readonly keepAliveMs?: number;
  /**
   * Milliseconds after which a connection is cut on which nothing moves, as its client does not read what it asked for. More
   * than the gateway itself takes for an answer. Default 120 000.
   */
  readonly stalledMs?: number;
  /** Most connections at once; more are cut as they come. Default 2000. */
  readonly maxConnections?: number;
}

/** Largest header of a request with its URL; a VAPID header is under 1 kB. */
const maxHeaderBytes = 16_384;

/** Makes an HTTP or HTTPS server that takes no more, and waits no longer, than `options` say. */
export function openServer(
  options: ConnectionOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const { headerTimeoutMs = 10_000, requestTimeoutMs = 20_000, checkIntervalMs = 1000 } = options;
  const bounds = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headerTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    keepAliveTimeout: options.keepAliveMs ?? 75_000,
    requireHostHeader: false, // checked by us: Node's answer has no body
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createHttpServer(bounds, handle)
      : (createHttpsServer({ ...bounds, ...tls, handshakeTimeout: headerTimeoutMs }, handle) as unknown as Server);
  // Counted by us: Node would leave out what comes after the limit, as if it had not been sent.
  server.maxHeadersCount = 0;
  server.timeout = options.stalledMs ?? 120_000;
  server.maxConnections = options.maxConnections ?? 2000;
  return server;
}
