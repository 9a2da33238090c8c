import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';

const tls = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));

/** A certificate for `localhost` by the authority of the tests, and its key. */
export const localCertificate: { readonly cert: string; readonly key: string } = {
  cert: tls('localhost.pem'),
  key: tls('localhost.key'),
};

/** A request that came in. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A front proxy as administrators put it before a gateway: HTTPS outside, plain HTTP inside. */
export interface TlsFront {
  /** How clients reach it. */
  readonly url: string;
  /** Sends from now on what comes in there. */
  pointTo(port: number): void;
  /** Asks for each answer that comes from inside whether to hand it on, or to cut the line instead; undefined: all are handed on. */
  judge(verdict: ((request: Passed, status: number) => Promise<'pass' | 'cut'>) | undefined): void;
  /** What has come through so far. */
  readonly passed: readonly Passed[];
  stop(): Promise<void>;
}

/** Starts one on a free port; without anything behind it, its answer is 502. */
export async function startTlsFront(): Promise<TlsFront> {
  const sockets = new Set<Duplex>();
  const passed: Passed[] = [];
  let target: number | undefined;
  let verdict: Parameters<TlsFront['judge']>[0];
  const options = { cert: readFileSync(localCertificate.cert), key: readFileSync(localCertificate.key) };
  const server = createServer(options, (incoming, outgoing) => {
    const { method = '', url: path = '', headers, socket } = incoming;
    const fail = (): void => {
      if (!outgoing.headersSent) outgoing.writeHead(502);
      outgoing.end();
    };
    if (target === undefined) return fail();
    const forwarded = { ...headers, 'x-forwarded-for': socket.remoteAddress ?? '', 'x-forwarded-proto': 'https' };
    let body = '';
    incoming.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    incoming.on('end', () => passed.push({ method, path, headers, body }));
    const inner = request({ host: '127.0.0.1', port: target, method, path, headers: forwarded }, (answer) => {
      const status = answer.statusCode ?? 502;
      answer.on('error', fail);
      void (verdict?.({ method, path, headers, body }, status) ?? Promise.resolve('pass')).then((judged) => {
        if (judged === 'cut') {
          answer.resume();
          socket.destroy();
          return;
        }
        outgoing.writeHead(status, answer.headers);
        answer.pipe(outgoing);
      });
    });
    inner.on('error', fail);
    incoming.pipe(inner);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    pointTo: (port) => {
      target = port;
    },
    judge: (next) => {
      verdict = next;
    },
    passed,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
