import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A relay to an SMTP server that knows when a mail was taken. */
export interface SmtpRelay {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** To be done when the server has taken the next mail, before its 250 goes on to the client. */
  beforeNextAccepted(hook: () => Promise<void>): void;
  stop(): Promise<void>;
}

/** Starts one on a free port. */
export async function startSmtpRelay(target: { readonly host: string; readonly port: number }): Promise<SmtpRelay> {
  const sockets = new Set<Socket>();
  let hook: (() => Promise<void>) | undefined;
  const server = createServer((client) => {
    const upstream = connect(target);
    let tail = '';
    let isMailGiven = false;
    let before = Promise.resolve();

    async function answer(chunk: Buffer): Promise<void> {
      if (isMailGiven && chunk.toString('latin1').startsWith('250')) {
        isMailGiven = false;
        const todo = hook;
        hook = undefined;
        await todo?.();
      }
      client.write(chunk);
    }

    client.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-5);
      if (tail === '\r\n.\r\n') isMailGiven = true;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      before = before.then(() => answer(chunk));
    });
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
    beforeNextAccepted: (next) => {
      hook = next;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
