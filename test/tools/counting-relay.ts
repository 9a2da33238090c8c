import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type ConnectionCounts, createConnectionMeter } from '../../src/demo/connection-meter.js';

/** Where a relay leads to. */
export type RelayTarget = { readonly host: string; readonly port: number } | { readonly path: string };

/** A TCP relay on a free loopback port that counts what goes through it and can be interrupted. */
export interface CountingRelay {
  readonly host: '127.0.0.1';
  readonly port: number;
  counts(): ConnectionCounts;
  /** Cuts every connection, and each new one as soon as it is made, until {@link resume}. */
  interrupt(): void;
  resume(): void;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

/** Joins two sockets; when either end closes, so does the other. */
function join(client: Socket, upstream: Socket): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.setNoDelay(true);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

/** Starts a relay; each of its connections makes one to the target. */
export async function startCountingRelay(target: RelayTarget): Promise<CountingRelay> {
  const meter = createConnectionMeter();
  let interrupted = false;
  const server = createServer((client) => {
    if (interrupted) {
      client.resetAndDestroy();
      return;
    }
    meter.watch(client);
    join(client, connect(target));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    counts: () => meter.counts(),
    interrupt() {
      interrupted = true;
      meter.cutAll();
    },
    resume() {
      interrupted = false;
    },
    async stop() {
      if (server.listening) {
        const closed = once(server, 'close');
        server.close();
        meter.cutAll();
        await closed;
      }
    },
  };
}
