import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Runtime } from '../runtime.js';
import type { GatewayMetrics } from './parts.js';

/** A request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Knows every request that is not answered yet, and tells log and metrics of every one that is. */
export interface Exchanges {
  readonly begin: (request: IncomingMessage, response: ServerResponse) => void;
  /** Says which route a request took: its pattern. */
  readonly routed: (request: IncomingMessage, route: string) => void;
  /** What is not answered yet on a connection, the oldest first. */
  readonly openOn: (socket: Duplex) => readonly Exchange[];
}

/** Makes an {@link Exchanges}. Its log line of a request holds nothing of URL, client or header. */
export function createExchanges(parts: { readonly metrics: GatewayMetrics; readonly runtime: Runtime }): Exchanges {
  const { metrics, runtime } = parts;
  const open = new WeakMap<Duplex, Set<Exchange>>();
  const routes = new WeakMap<IncomingMessage, string>();

  return {
    begin: (request, response) => {
      const { socket } = request;
      const since = runtime.monotonicMs();
      const exchange: Exchange = { request, response };
      const onSocket = open.get(socket) ?? new Set();
      open.set(socket, onSocket.add(exchange));
      response.once('close', () => {
        onSocket.delete(exchange);
        const method = request.method ?? 'none';
        const route = routes.get(request) ?? 'none';
        const ms = Math.round(runtime.monotonicMs() - since);
        if (!response.writableFinished) {
          runtime.log.info({ method, route, ms }, 'A client went away before it had its answer.');
          return;
        }
        const facts = { method, route, status: response.statusCode, ms };
        metrics.request(facts);
        runtime.log.info(facts, 'A request was answered.');
      });
    },
    routed: (request, route) => void routes.set(request, route),
    openOn: (socket) => [...(open.get(socket) ?? [])],
  };
}
