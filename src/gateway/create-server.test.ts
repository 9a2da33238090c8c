import { once } from 'node:events';
import { METHODS } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectHttp, type RawAnswer } from '../../test/tools/raw-http.js';
import { createRuntime, silentLog } from '../runtime.js';
import { createServer, type ServerOptions } from './create-server.js';
import { GatewayError } from './gateway-error.js';
import type { GatewayParts, RequestFacts } from './parts.js';
import { addPath, bodyOf, jsonOf } from './path.js';

const closeAtEnd: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closeAtEnd.splice(0)) await close();
});

interface Started {
  readonly port: number;
  readonly logged: readonly string[];
  readonly counted: readonly RequestFacts[];
  readonly close: () => Promise<void>;
}

/** A server with paths of its own: what is true of it is true of every path. */
async function start(options: ServerOptions = {}, wait: Promise<void> = Promise.resolve()): Promise<Started> {
  const logged: string[] = [];
  const counted: RequestFacts[] = [];
  const note = (facts: object, message: string): void => void logged.push(`${message} ${JSON.stringify(facts)}`);
  const runtime = createRuntime({ ...silentLog, info: note, warn: note, error: note });
  const metrics = { request: (facts: RequestFacts) => void counted.push(facts) };
  // The server itself needs no more of its parts than these.
  const server = createServer(
    { runtime, metrics, publicUrl: 'https://push.example.org' } as unknown as GatewayParts,
    options,
  );
  addPath(server, {
    url: '/echo/:name',
    bodyLimitBytes: 4096,
    handlers: {
      GET: async () => ({ hello: true }),
      POST: async (request, reply) => reply.status(201).send({ bytes: bodyOf(request).length }),
    },
  });
  addPath(server, {
    url: '/json',
    bodyLimitBytes: 65_536,
    handlers: { POST: async (request) => ({ got: jsonOf(request) }) },
  });
  addPath(server, { url: '/nothing', handlers: {} });
  addPath(server, {
    url: '/fault',
    handlers: {
      GET: async () => {
        throw new Error('alice@example.org is in the message');
      },
    },
  });
  addPath(server, {
    url: '/busy',
    handlers: {
      GET: async () => {
        throw new GatewayError('ERR_GATEWAY_TOO_MANY', 'Too many; wait.', { retryAfterSeconds: 1.2 });
      },
    },
  });
  addPath(server, {
    url: '/slow',
    bodyLimitBytes: 4096,
    handlers: {
      POST: async (_request, reply) => {
        await wait;
        return reply.status(201).send({ done: true });
      },
    },
  });
  addPath(server, { url: '/client', handlers: { GET: async (request) => ({ ip: request.ip }) } });
  await server.listen({ port: 0, host: '127.0.0.1' });
  const close = async (): Promise<void> => server.close();
  closeAtEnd.push(async () => {
    server.server.closeAllConnections();
    await close();
  });
  return { port: (server.server.address() as AddressInfo).port, logged, counted, close };
}

function expectError(answer: RawAnswer | undefined, status: number, errno: number): void {
  expect(answer?.status).toBe(status);
  expect(answer?.headers['content-type']).toBe('application/json; charset=utf-8');
  const body = JSON.parse(answer?.body ?? '');
  expect(body).toEqual({ code: status, errno, error: expect.any(String), message: expect.stringMatching(/.\.$/) });
}

/** The one answer to `text`, after which the server ends the connection or keeps it. */
async function ask(port: number, text: string | Uint8Array): Promise<RawAnswer> {
  const connection = await connectHttp(port, text);
  const [answer] = await connection.answers(1);
  connection.socket.destroy();
  if (answer === undefined) throw new Error('There was no answer.');
  return answer;
}

function get(path: string, method = 'GET'): string {
  return `${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

describe('the server of a gateway', () => {
  it('answers a path that is none with 404 in JSON', async () => {
    const { port } = await start();
    for (const path of ['/', '/echo', '/echo/a/', '/echo/a/b', '/ECHO/a', '//echo/a', '/favicon.ico']) {
      expectError(await ask(port, get(path)), 404, 404);
    }
    expectError(await ask(port, 'POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'), 404, 404);
    expectError(await ask(port, get('*', 'OPTIONS')), 404, 404);
  });

  it('answers a method that a path does not take with 405 and what it takes (RFC 9110 §15.5.6)', async () => {
    const { port } = await start();
    const others = METHODS.filter((method) => !['GET', 'HEAD', 'POST', 'CONNECT'].includes(method));
    for (const method of others) {
      const answer = await ask(port, `${method} /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`);
      expectError(answer, 405, 405);
      expect(answer.headers.allow).toBe('GET, HEAD, POST');
    }
    const none = await ask(port, get('/nothing', 'DELETE'));
    expectError(none, 405, 405);
    expect(none.headers.allow).toBe('');
    expectError(await ask(port, 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'), 405, 405);
  });

  it('answers HEAD as GET, without the body', async () => {
    const { port } = await start();
    const connection = await connectHttp(port, `${get('/echo/a', 'HEAD')}`);
    await expect.poll(connection.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/);
    connection.socket.destroy();
  });

  it('takes a body of any type, or of none, and of one that is no type', async () => {
    const { port } = await start();
    for (const type of [
      '',
      'Content-Type: text/plain\r\n',
      'Content-Type: \xff;;;\r\n',
      'Content-Type: x\r\nContent-Type: y\r\n',
    ]) {
      const answer = await ask(port, `POST /echo/a HTTP/1.1\r\nHost: a\r\n${type}Content-Length: 3\r\n\r\nabc`);
      expect(answer).toMatchObject({ status: 201, body: '{"bytes":3}' });
    }
    expect(await ask(port, get('/echo/a', 'POST'))).toMatchObject({ status: 201, body: '{"bytes":0}' });
  });

  it('takes a body in pieces', async () => {
    const { port } = await start();
    const pieces = 'a'.repeat(4096).replaceAll('a', '1\r\nx\r\n');
    const chunked = `POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await ask(port, `${chunked}${pieces}0\r\n\r\n`)).toMatchObject({ status: 201, body: '{"bytes":4096}' });
    expectError(await ask(port, `${chunked}${pieces}1\r\nx\r\n0\r\n\r\n`), 413, 104);
  });

  it('answers a body that is too large with 413, and keeps the connection for the next request', async () => {
    const { port } = await start();
    const post = (size: number): string =>
      `POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`;
    const connection = await connectHttp(port, post(4097) + post(4096) + post(500_000) + post(1));
    const answers = await connection.answers(4);
    expect(answers.map(({ status }) => status)).toEqual([413, 201, 413, 201]);
    connection.socket.destroy();
  });

  it('reads no more than 1 MiB of a body that is too large, and ends the connection', async () => {
    const { port } = await start();
    const connection = await connectHttp(
      port,
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent <= 1_048_576; sent += 65_536) connection.send(piece);
    const [answer] = await connection.answers(1);
    expectError(answer, 413, 104);
    expect(answer?.headers.connection).toBe('close');
    await connection.ended();
  });

  it('reads JSON whatever its type says, and refuses what is none', async () => {
    const { port } = await start();
    const post = (body: string): string =>
      `POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`;
    expect((await ask(port, post('{"a":[1]}'))).body).toBe('{"got":{"a":[1]}}');
    for (const body of ['', '{', '{"a":1}x', '"\\ud8', 'NaN']) expectError(await ask(port, post(body)), 400, 115);
    expectError(await ask(port, Buffer.from(post('"\xff\xfe"'), 'latin1')), 400, 115);
    expectError(await ask(port, post(`"${'x'.repeat(65_535)}"`)), 413, 104);
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect((await ask(port, post(nested(64)))).status).toBe(200);
    for (const levels of [65, 32_000]) expectError(await ask(port, post(nested(levels))), 400, 115);
  });

  it('tells a fault of its own as 500, without what it was', async () => {
    const { port, logged } = await start();
    const answer = await ask(port, get('/fault'));
    expectError(answer, 500, 999);
    expect(answer.body + logged.join()).not.toContain('alice');
    expect(logged.join()).toContain('"name":"Error"');
  });

  it('tells when to come back in whole seconds (RFC 9110 §10.2.3)', async () => {
    const { port } = await start();
    const answer = await ask(port, get('/busy'));
    expectError(answer, 429, 201);
    expect(answer.headers['retry-after']).toBe('2');
  });

  it('does not say what it is made of', async () => {
    const { port } = await start();
    for (const path of ['/echo/a', '/none', '/%zz']) {
      const { headers } = await ask(port, get(path));
      expect(Object.keys(headers).sort()).toEqual([
        'connection',
        'content-length',
        'content-type',
        'date',
        'keep-alive',
      ]);
    }
  });

  it('logs and counts a request by its route, and tells nothing else', async () => {
    const { port, logged, counted } = await start();
    await ask(port, 'GET /echo/alice?token=secret HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nUser-Agent: me\r\n\r\n');
    await ask(port, get('/none/alice'));
    await ask(port, get('/echo/%zz'));
    await expect.poll(() => counted).toHaveLength(3);
    expect(counted.map(({ method, route, status }) => [method, route, status])).toEqual([
      ['GET', '/echo/:name', 200],
      ['GET', 'none', 404],
      ['GET', 'none', 400],
    ]);
    expect(logged).toHaveLength(3);
    expect(logged.join()).not.toMatch(/alice|secret|mine|127\.0\.0\.1|"a"|"me"/);
  });

  it('believes no proxy that it was not told of', async () => {
    const forwarded =
      'GET /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.8\r\n\r\n';
    const alone = await start();
    expect((await ask(alone.port, forwarded)).body).toBe('{"ip":"127.0.0.1"}');
    const elsewhere = await start({ trustProxy: ['192.0.2.1'] });
    expect((await ask(elsewhere.port, forwarded)).body).toBe('{"ip":"127.0.0.1"}');
    const behind = await start({ trustProxy: ['127.0.0.1'] });
    expect((await ask(behind.port, forwarded)).body).toBe('{"ip":"192.0.2.7"}');
  });

  it('finishes what it has begun when it ends, and takes nothing new', async () => {
    let finish = (): void => {};
    const { port, close } = await start({}, new Promise((resolve) => (finish = resolve)));
    const idle = await connectHttp(port, get('/echo/a'));
    await idle.answers(1);
    const busy = await connectHttp(port, get('/slow', 'POST'));
    const another = await connectHttp(port, get('/echo/a'));
    await another.answers(1); // the server has read the request before
    const closing = close();
    await idle.ended();
    await expect(connectHttp(port)).rejects.toThrow('ECONNREFUSED');
    finish();
    const [answer] = await busy.answers(1);
    expect(answer).toMatchObject({ status: 201, headers: { connection: 'close' } });
    await busy.ended();
    await closing;
  });
});

describe('what is no HTTP request, or one that could be read in two ways', () => {
  const malformed = {
    'no HTTP at all': 'hello\r\n\r\n',
    'a TLS handshake': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'a method that is none': 'PUSH /echo/a HTTP/1.1\r\nHost: a\r\n\r\n',
    'a version that is none': 'GET /echo/a HTTP/9.9\r\nHost: a\r\n\r\n',
    'a space before the colon (RFC 9112 §5.1)': 'GET /echo/a HTTP/1.1\r\nHost: a\r\nTTL : 1\r\n\r\n',
    'a folded field (RFC 9112 §5.2)': 'GET /echo/a HTTP/1.1\r\nHost: a\r\nTopic: a\r\n b\r\n\r\n',
    'a NUL in a value': 'GET /echo/a HTTP/1.1\r\nHost: a\r\nTopic: a\0b\r\n\r\n',
    'a lone CR in a value': 'GET /echo/a HTTP/1.1\r\nHost: a\r\nTopic: a\rTTL: 1\r\n\r\n',
    'no Host (RFC 9112 §3.2)': 'GET /echo/a HTTP/1.1\r\n\r\n',
    'two Hosts': 'GET /echo/a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    'two lengths (RFC 9112 §6.3)':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
    'a length that is none': 'POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc',
    'a length and chunks':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a transfer coding that is none':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'chunks that are not last': 'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
    'chunked twice':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunks in HTTP/1.0': 'POST /echo/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a chunk whose size is none':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n',
    'a chunk longer than its size':
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n',
    'a path that does not decode': 'GET /echo/%zz HTTP/1.1\r\nHost: a\r\n\r\n',
    'a path part over 1024 characters': `GET /echo/${'a'.repeat(1025)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  };

  for (const [what, text] of Object.entries(malformed)) {
    it(`is refused with 400 in JSON: ${what}`, async () => {
      const { port } = await start();
      expectError(await ask(port, Buffer.from(text, 'latin1')), 400, 115);
    });
  }

  it('is refused with 431 when its header is over 16 KiB or 100 fields', async () => {
    const { port } = await start();
    expectError(await ask(port, `GET /echo/a HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(16_384)}\r\n\r\n`), 431, 115);
    expectError(await ask(port, `GET /${'a'.repeat(16_384)} HTTP/1.1\r\nHost: a\r\n\r\n`), 431, 115);
    expectError(await ask(port, `GET /echo/a HTTP/1.1\r\nHost: a\r\n${'X: x\r\n'.repeat(100)}\r\n`), 431, 115);
    expect((await ask(port, `GET /echo/a HTTP/1.1\r\nHost: a\r\n${'X: x\r\n'.repeat(99)}\r\n`)).status).toBe(200);
  });

  it('is refused with 417 when it expects what there is not (RFC 9110 §10.1.1)', async () => {
    const { port } = await start();
    expectError(await ask(port, 'GET /echo/a HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n'), 417, 115);
    const asked = await connectHttp(
      port,
      'POST /echo/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
    );
    await expect.poll(asked.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    asked.send('ab');
    expect(await asked.answers(1)).toMatchObject([{ status: 201, body: '{"bytes":2}' }]);
    asked.socket.destroy();
  });

  it('ends its connection', async () => {
    const { port } = await start();
    for (const text of [malformed['no HTTP at all'], malformed['a chunk whose size is none']]) {
      const connection = await connectHttp(port, text + get('/echo/a'));
      const everything = await connection.ended();
      expect(everything.match(/HTTP\/1\.1/g)).toHaveLength(1);
    }
  });

  it('does not take the answer of a request before it', async () => {
    let finish = (): void => {};
    const { port } = await start({}, new Promise((resolve) => (finish = resolve)));
    for (const text of [malformed['no HTTP at all'], malformed['a chunk whose size is none']]) {
      const connection = await connectHttp(port, `${get('/slow', 'POST')}${text}`);
      await (await connectHttp(port, get('/echo/a'))).answers(1); // the server has read both before
      finish();
      const [first, second] = await connection.answers(2);
      expect(first).toMatchObject({ status: 201, body: '{"done":true}' });
      expectError(second, 400, 115);
      await connection.ended();
    }
  });
});

describe('slow clients', () => {
  const short: ServerOptions = { headerTimeoutMs: 100, requestTimeoutMs: 200, checkIntervalMs: 20, keepAliveMs: 100 };

  /** Sends a piece every few milliseconds until the server ends the connection. */
  async function trickle(port: number, start: string, piece: string): Promise<RawAnswer | undefined> {
    const connection = await connectHttp(port, start);
    const timer = setInterval(() => connection.send(piece), 10);
    await once(connection.socket, 'close');
    clearInterval(timer);
    return connection.answers(1).then(
      ([answer]) => answer,
      () => undefined,
    );
  }

  it('are cut when they trickle a header', async () => {
    const { port } = await start(short);
    expectError(await trickle(port, 'GET /echo/a HTTP/1.1\r\n', 'X: x\r\n'), 408, 115);
  });

  it('are cut when they trickle a body', async () => {
    const { port } = await start(short);
    const header = 'POST /echo/a HTTP/1.1\r\nHost: a\r\n';
    expectError(await trickle(port, `${header}Content-Length: 4096\r\n\r\n`, 'x'), 408, 115);
    expectError(await trickle(port, `${header}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'), 408, 115);
  });

  it('are cut when they say nothing, at once or after a request', async () => {
    const { port } = await start(short);
    const silent = await connectHttp(port);
    expect(await silent.ended()).toMatch(/^HTTP\/1\.1 408 /);
    const done = await connectHttp(port, get('/echo/a'));
    expect((await done.ended()).match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('get their answer when it is the gateway that is slow', async () => {
    let finish = (): void => {};
    const { port } = await start(short, new Promise((resolve) => (finish = resolve)));
    const patient = await connectHttp(port, get('/slow', 'POST'));
    // Long enough for a client that is cut.
    await (await connectHttp(port, 'GET /echo/a HTTP/1.1\r\n')).ended();
    await (await connectHttp(port, 'GET /echo/a HTTP/1.1\r\n')).ended();
    finish();
    expect(await patient.answers(1)).toMatchObject([{ status: 201 }]);
    patient.socket.destroy();
  });

  it('are not let in when there are too many', async () => {
    const { port } = await start({ maxConnections: 2 });
    const first = await connectHttp(port, get('/echo/a'));
    await first.answers(1);
    const second = await connectHttp(port, get('/echo/a'));
    await second.answers(1);
    const third = await connectHttp(port, get('/echo/a'));
    expect(await third.ended()).toBe('');
    first.socket.destroy();
    await expect.poll(async () => (await connectHttp(port, get('/echo/a'))).answers(1).catch(() => [])).toHaveLength(1);
    second.socket.destroy();
  });
});
