import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { localCertificate } from '../../../test/gateway/tls-front.js';
import { testAuthority } from '../../../test/mail-servers/dovecot.js';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { createRuntime } from '../../runtime.js';
import { createGatewayApi, type GatewayApi } from './gateway-api.js';

const never = new AbortController().signal;
const grant = 'secret-grant';
const mailto = 'mailto:alice@example.org?Email-Notify=secret';
const fingerprint = 'a'.repeat(40);
const expires = Math.ceil(Date.now() / 1000) + 3600;

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** What is asked of a server that answers so. */
async function apiOf(answer: RequestListener): Promise<{ api: GatewayApi; url: string; asked: string[] }> {
  const asked: string[] = [];
  const port = await listening(
    createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      answer(request, response);
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  return { api: createGatewayApi({ url, runtime: createRuntime() }), url, asked };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
const problem = (code: number, errno: number): unknown => ({ code, errno, error: 'Error', message: mailto });

describe('what a gateway answers', () => {
  it('to a request for a grant is 202', async () => {
    const { api, asked } = await apiOf(json(202, {}));
    await api.ask({ endpoint: mailto, nonce: 'n' }, never);
    expect(asked).toEqual(['POST /v1/grants']);
  });

  it('to an endpoint is a URL of its own, when it expires, and its key', async () => {
    const bodies: unknown[] = [];
    let url = '';
    const made = await apiOf((request, response) => {
      expect(request.headers.authorization).toBe(`Bearer ${grant}`);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => bodies.push(JSON.parse(Buffer.concat(chunks).toString())));
      json(201, { endpoint: `${url}/p/abc`, expires, sender: fingerprint })(request, response);
    });
    url = made.url;
    const sealed = { endpoint: `${url}/p/abc`, expires: expires * 1000, sender: fingerprint };
    expect(await made.api.seal({ grant, endpoint: mailto, vapid: 'v' }, never)).toEqual({ ...sealed, vapid: 'v' });
    expect(await made.api.seal({ grant, endpoint: mailto, vapid: null }, never)).toEqual({ ...sealed, vapid: null });
    expect(bodies).toEqual([{ endpoint: mailto, vapid: 'v' }, { endpoint: mailto }]);
  });

  it('to a check says whether the seal is good', async () => {
    const { api, url } = await apiOf((request, response) => {
      const answers: Record<string, RequestListener> = {
        '/p/good': json(200, { unifiedpush: { version: 1 } }),
        '/p/foreign': json(404, problem(404, 102)),
        '/p/expired': json(410, problem(410, 103)),
        '/p/revoked': json(410, problem(410, 106)),
      };
      answers[request.url ?? '']?.(request, response);
    });
    expect(await api.check(`${url}/p/good`, never)).toBe(true);
    for (const name of ['foreign', 'expired', 'revoked'])
      expect(await api.check(`${url}/p/${name}`, never)).toBe(false);
  });

  it.each([
    ['401', json(401, problem(401, 109)), 'ERR_GATEWAY_GRANT', undefined],
    ['403', json(403, problem(403, 109)), 'ERR_GATEWAY_REFUSED', undefined],
    ['422', json(422, problem(422, 116)), 'ERR_GATEWAY_REFUSED', undefined],
    ['429 with seconds', json(429, problem(429, 201), { 'Retry-After': '90' }), 'ERR_GATEWAY_BUSY', 90_000],
    ['429 with nonsense', json(429, problem(429, 201), { 'Retry-After': 'soon' }), 'ERR_GATEWAY_BUSY', undefined],
    ['503', json(503, problem(503, 202), { 'Retry-After': '5' }), 'ERR_GATEWAY_BUSY', 5_000],
    ['500 in HTML', (_, response) => response.writeHead(500).end('<html>'), 'ERR_GATEWAY_BUSY', undefined],
    ['a redirect', json(307, {}, { Location: 'http://127.0.0.1:1/' }), 'ERR_GATEWAY_ANSWER', undefined],
    ['401 of something else', (_, response) => response.writeHead(401).end('?'), 'ERR_GATEWAY_ANSWER', undefined],
    ['404 of something else', (_, response) => response.writeHead(404).end('?'), 'ERR_GATEWAY_ANSWER', undefined],
    ['another path', json(404, problem(404, 404)), 'ERR_GATEWAY_ANSWER', undefined],
    ['200 with something else', (_, response) => response.end('<html>'), 'ERR_GATEWAY_ANSWER', undefined],
    ['too much', (_, response) => response.writeHead(201).end('x'.repeat(70_000)), 'ERR_GATEWAY_ANSWER', undefined],
    ['no key', json(201, { endpoint: 'x', expires }), 'ERR_GATEWAY_ANSWER', undefined],
    [
      'an endpoint of another',
      json(201, { endpoint: 'https://example.com/p/a', expires, sender: fingerprint }),
      'ERR_GATEWAY_ANSWER',
      undefined,
    ],
    ['half an answer', (_, response) => response.writeHead(201).destroy(), 'ERR_GATEWAY_UNREACHABLE', undefined],
  ] satisfies [string, RequestListener, string, number | undefined][])(
    'can be %s',
    async (_, answer, code, retryAfterMs) => {
      const { api, asked } = await apiOf(answer);
      const failure = await api.seal({ grant, endpoint: mailto, vapid: null }, never).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code, retryAfterMs });
      expect(asked).toHaveLength(1);
      expect(String(failure)).not.toMatch(/secret|alice|\/p\//);
    },
  );

  it('is no refusal when a seal cannot be looked up because something else answers', async () => {
    const { api, url } = await apiOf((_, response) => response.writeHead(404).end('Not found'));
    await expect(api.check(`${url}/p/a`, never)).rejects.toMatchObject({ code: 'ERR_GATEWAY_ANSWER' });
  });
});

describe('a gateway', () => {
  const options = async () => ({
    cert: await readFile(localCertificate.cert),
    key: await readFile(localCertificate.key),
  });
  const ask = { endpoint: mailto, nonce: 'n' };

  it('is trusted by the authority of the account, and by no other', async () => {
    const port = await listening(createHttpsServer(await options(), json(202, {})));
    const url = `https://localhost:${port}`;
    const ca = await readFile(testAuthority, 'utf8');
    const runtime = createRuntime();
    await createGatewayApi({ url, ca, runtime }).ask(ask, never);
    const untrusted = createGatewayApi({ url, runtime }).ask(ask, never);
    await expect(untrusted).rejects.toMatchObject({ code: 'ERR_GATEWAY_CERTIFICATE' });
    const misnamed = createGatewayApi({ url: `https://127.0.0.2:${port}`, ca, runtime });
    await expect(misnamed.ask(ask, never)).rejects.toMatchObject({
      code: expect.stringMatching(/CERTIFICATE|UNREACH/),
    });
  });

  it('that speaks nothing newer than TLS 1.1 is not spoken to', async () => {
    const old = {
      ...(await options()),
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL:@SECLEVEL=0',
    } as const;
    const port = await listening(createHttpsServer(old, json(202, {})));
    const ca = await readFile(testAuthority, 'utf8');
    const api = createGatewayApi({ url: `https://localhost:${port}`, ca, runtime: createRuntime() });
    await expect(api.ask(ask, never)).rejects.toMatchObject({ code: 'ERR_GATEWAY_UNREACHABLE' });
  });

  it('that is not there cannot be reached', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const api = createGatewayApi({ url: `http://127.0.0.1:${port}`, runtime: createRuntime() });
    await expect(api.ask(ask, never)).rejects.toMatchObject({ code: 'ERR_GATEWAY_UNREACHABLE' });
  });

  it('that never answers is given up after the deadline, or when nobody wants to know any more', async () => {
    const time = createManualTime();
    const { url, asked } = await apiOf(() => {});
    const api = createGatewayApi({ url, runtime: time.runtime });
    const late = api.ask(ask, never);
    late.catch(() => {});
    await expect.poll(() => asked.length).toBe(1);
    time.pass(30_000);
    await expect(late).rejects.toMatchObject({ code: 'ERR_GATEWAY_UNREACHABLE' });
    const ending = new AbortController();
    const cut = api.ask(ask, ending.signal);
    ending.abort(new Error('The end.'));
    await expect(cut).rejects.toThrow('The end.');
  });
});
