import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** What a distributor has asked it for. */
export interface AskedOfGateway {
  readonly request: string;
  readonly body: Readonly<Record<string, string>>;
}

/** The HTTP side of a gateway that answers distributors as the test says, and mails nothing. */
export interface ScriptedGateway {
  readonly url: string;
  /** The fingerprint that it names when it seals. */
  sender: string;
  readonly asked: AskedOfGateway[];
  /** The status of the answer to a request; 0: the connection is cut. Default: that of success. */
  status: (request: string) => number | Promise<number>;
  /** The nonce of the last request for a grant. */
  nonce(): string | undefined;
}

const successes: Readonly<Record<string, number>> = {
  'POST /v1/grants': 202,
  'POST /v1/endpoints': 201,
  'DELETE /v1/endpoints': 204,
};

/** Starts one on loopback; it ends after the test. */
export async function startScriptedGateway(sender: string): Promise<ScriptedGateway> {
  let sealed = 0;
  const requestOf = ({ method, url = '' }: IncomingMessage): string =>
    url.startsWith('/p/') ? 'GET' : `${method} ${url}`;
  const server = createServer((incoming, response) => {
    void (async () => {
      const request = requestOf(incoming);
      const body = incoming.method === 'GET' ? {} : ((await json(incoming)) as Record<string, string>);
      gateway.asked.push({ request, body });
      const status = await gateway.status(request);
      if (status === 0) return void incoming.socket.destroy();
      response.writeHead(status, { 'content-type': 'application/json' });
      if (status === 201) sealed += 1;
      const endpoint = `${gateway.url}/p/${sealed}`;
      const expires = Math.floor(Date.now() / 1000) + 90 * 86_400;
      response.end(
        JSON.stringify(
          status === 201 ? { endpoint, expires, sender: gateway.sender } : { unifiedpush: { version: 1 }, errno: 999 },
        ),
      );
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const gateway: ScriptedGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sender,
    asked: [],
    status: (request) => successes[request] ?? 200,
    nonce: () => gateway.asked.findLast(({ request }) => request === 'POST /v1/grants')?.body.nonce,
  };
  return gateway;
}
