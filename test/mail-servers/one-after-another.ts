import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Starts a relay to an SMTP server that lets the next mail in only when `isIdle` says that the one before is through: a
 * queue keeps no order, and suites that push several times in a row expect theirs. Each mail is answered for before that.
 *
 * @param path unix socket of the server
 */
export async function startOneAfterAnother(
  path: string,
  isIdle: () => Promise<boolean>,
): Promise<{ host: '127.0.0.1'; port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(path);
    let before = Promise.resolve();

    async function pass(chunk: Buffer): Promise<void> {
      // Clients without pipelining send one command at a time.
      if (/^MAIL FROM:/i.test(chunk.toString('latin1', 0, 10))) {
        for (let attempt = 0; attempt < 1000 && !(await isIdle()); attempt += 1) await delay(5);
      }
      upstream.write(chunk);
    }

    client.on('data', (chunk: Buffer) => {
      before = before.then(() => pass(chunk));
    });
    upstream.pipe(client);
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
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
