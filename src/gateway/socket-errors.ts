import type { Duplex } from 'node:stream';
import type { Runtime } from '../runtime.js';
import type { Exchanges } from './exchanges.js';
import { GatewayError } from './gateway-error.js';

/** How long a client may take to read why its connection ends. */
const lingerMs = 2000;

/** Answers what is no HTTP request that could be routed. */
export interface SocketErrors {
  /**
   * Answers what broke in Node's parser. Answers on a connection come in the order of its requests, so that the error waits for
   * those before it; a request that breaks in its body gets the error as its own answer.
   */
  readonly answerBroken: (cause: unknown, socket: Duplex) => void;
  /** Answers on a connection that Node has handed over for a tunnel (CONNECT). */
  readonly answerTunnel: (error: GatewayError, socket: Duplex) => void;
}

/** Makes a {@link SocketErrors}. */
export function createSocketErrors(exchanges: Exchanges, runtime: Runtime): SocketErrors {
  const ended = new WeakSet<Duplex>();

  function answer(error: GatewayError, socket: Duplex): void {
    // Nobody else listens on a connection that was handed over, or that never got through its TLS handshake.
    socket.on('error', () => socket.destroy());
    if (socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(formatAnswer(error));
    const stop = new AbortController();
    socket.once('close', () => stop.abort());
    socket.once('end', () => socket.destroy());
    runtime.sleep(lingerMs, stop.signal).then(
      () => socket.destroy(),
      () => {}, // it has closed
    );
  }

  function answerBroken(cause: unknown, socket: Duplex): void {
    // The parser reports what comes after its first error as errors too.
    if (ended.has(socket)) return;
    ended.add(socket);
    if (codeOf(cause) === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const error = explain(cause);
    runtime.log.debug({ status: error.status }, 'A connection was ended: what came over it is no HTTP request.');
    const open = exchanges.openOn(socket);
    const last = open.at(-1);
    const isItsBody = last !== undefined && !last.request.complete;
    const before = isItsBody ? open.at(-2) : last;
    if (isItsBody && last.response.headersSent) socket.destroy();
    else if (before === undefined) answer(error, socket);
    else before.response.once('close', () => answer(error, socket));
  }

  return {
    answerBroken,
    answerTunnel: (error, socket) => {
      // Node writes nothing more to it, so that an answer that is still due would be taken for that to an earlier request.
      if (exchanges.openOn(socket).length === 0) answer(error, socket);
      else socket.destroy();
    },
  };
}

function explain(cause: unknown): GatewayError {
  switch (codeOf(cause)) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('ERR_GATEWAY_TIMEOUT', 'The request took too long to arrive; send it again.');
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('ERR_GATEWAY_HEADER_TOO_LARGE', 'The header of the request is too large; send less.');
    default:
      return new GatewayError('ERR_GATEWAY_REQUEST', 'This is not a valid HTTP request; correct it.');
  }
}

/** An answer with its connection's end, where there is no response object to write it. */
function formatAnswer(error: GatewayError): string {
  const body = JSON.stringify(error.body);
  const headers = Object.entries({
    ...error.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  });
  const lines = [
    `HTTP/1.1 ${error.status} ${error.body.error}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
