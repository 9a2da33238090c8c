import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP relay on a free loopback port that remembers every byte. */
export interface RecordingRelay {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Every line that clients have sent, over all connections, without its line end. */
  sent(): string[];
  /** All that has been sent to clients, one character for each byte. */
  received(): string;
  /** Forgets what was recorded so far. */
  clear(): void;
  /** How many connections are open, the most that were, and how many were made. */
  connections(): { readonly open: number; readonly mostOpen: number; readonly made: number };
  /** Cuts what is open; new connections come through. */
  cut(): void;
}

/** Starts a relay that ends with the running test; each of its connections makes one to the target. */
export async function startRecordingRelay(target: { host: string; port: number }): Promise<RecordingRelay> {
  const open = new Set<Socket>();
  let made = 0;
  let mostOpen = 0;
  let sent: Buffer[] = [];
  let received: Buffer[] = [];
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    open.add(client);
    made += 1;
    mostOpen = Math.max(mostOpen, open.size);
    client.on('data', (bytes) => sent.push(bytes));
    upstream.on('data', (bytes) => received.push(bytes));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.setNoDelay(true);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    client.on('end', () => open.delete(client));
    client.on('close', () => open.delete(client));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const client of open) client.resetAndDestroy();
  };
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  });
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    sent: () => Buffer.concat(sent).toString('latin1').split('\r\n').filter(Boolean),
    received: () => Buffer.concat(received).toString('latin1'),
    clear: () => {
      sent = [];
      received = [];
    },
    connections: () => ({ open: open.size, mostOpen, made }),
    cut,
  };
}
