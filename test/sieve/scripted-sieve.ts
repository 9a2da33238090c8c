import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';

/** What a scripted server is like. */
export interface ScriptedSieveOptions {
  /** All that it says first; default: what a server without TLS says. */
  readonly greeting?: string | Buffer;
  /** What it says to a command, given as a line; undefined: what a server without scripts would say. */
  readonly on?: (line: string) => string | Buffer | undefined;
  /** Speaks TLS after STARTTLS, and says this first then. */
  readonly startTls?: { readonly key: string; readonly cert: string; readonly greeting: string };
  /** Sends one byte at a time. */
  readonly slowly?: boolean;
}

/** A very small ManageSieve server that misbehaves as a test wants it to. */
export interface ScriptedSieve {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Every line that clients have sent. */
  readonly lines: readonly string[];
  /** How many connections are open. */
  open(): number;
  hangUp(): void;
}

/** The lines of a server that can do these things. */
export function capabilities(more = '"SASL" "PLAIN"\r\n'): string {
  return `"IMPLEMENTATION" "scripted"\r\n"SIEVE" "fileinto include mailbox"\r\n${more}"VERSION" "1.0"\r\nOK "ready"\r\n`;
}

/** Starts a server that ends with the running test. */
export async function startScriptedSieve(options: ScriptedSieveOptions = {}): Promise<ScriptedSieve> {
  const lines: string[] = [];
  const sockets = new Set<Socket>();

  function usual(line: string): string {
    if (line === 'CAPABILITY') return capabilities();
    if (line === 'LOGOUT') return 'OK "bye"\r\n';
    return 'OK\r\n';
  }

  function serve(socket: Socket, greeting: string | Buffer): void {
    const say = (text: string | Buffer): void => {
      const bytes = Buffer.from(text);
      if (options.slowly === true) for (const byte of bytes) socket.write(Buffer.of(byte));
      else socket.write(bytes);
    };
    let unread = '';
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const whole = (unread + bytes.toString('latin1')).split('\r\n');
      unread = whole.pop() ?? '';
      for (const line of whole) {
        lines.push(line);
        if (line === 'STARTTLS' && options.startTls !== undefined) {
          socket.removeAllListeners('data');
          socket.write('OK "begin"\r\n');
          const secureContext = createSecureContext(options.startTls);
          const tls = new TLSSocket(socket, { isServer: true, secureContext });
          tls.on('close', () => socket.destroy());
          const said = options.startTls.greeting;
          // Not before the client has finished: what is written sooner keeps a refused connection open here.
          tls.once('secure', () => tls.write(said));
          serve(tls, '');
          return;
        }
        const answer = options.on?.(line);
        // A server that says nothing is one that answers with nothing.
        say(answer ?? usual(line));
      }
    });
    if (greeting.length > 0) say(greeting);
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, options.greeting ?? capabilities());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    lines,
    open: () => sockets.size,
    hangUp: () => {
      for (const socket of sockets) socket.end();
    },
  };
}
