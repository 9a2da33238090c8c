import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RelayTarget } from './counting-relay.js';

/** A TCP relay on a free loopback port. */
export interface Relay {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

/**
 * Starts a relay; each of its connections makes one to the target, and both close together.
 *
 * @param pass hands on what comes over such a pair.
 */
export async function startRelay(
  target: RelayTarget,
  pass: (client: Socket, upstream: Socket) => void,
): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target);
    pass(client, upstream);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
