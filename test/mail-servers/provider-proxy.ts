import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createImapLines } from '../tools/imap-lines.js';
import type { Provider } from './provider.js';
import { createProviderSession, type Passed } from './provider-session.js';

/** Starts a proxy on a free loopback port that shows the IMAP server on a unix socket as if it were the provider's. */
export async function startProviderProxy(
  path: string,
  provider: Provider,
): Promise<{ host: '127.0.0.1'; port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(path);
    const session = createProviderSession(provider);
    const pass = ({ toClient, toServer }: Passed): void => {
      if (toClient !== undefined) client.write(toClient);
      if (toServer !== undefined) upstream.write(toServer);
    };
    client.setNoDelay(true);
    client.on(
      'data',
      createImapLines((piece) => pass(session.fromClient(piece))),
    );
    upstream.on(
      'data',
      createImapLines((piece) => pass(session.fromServer(piece))),
    );
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('end', () => other.end());
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
