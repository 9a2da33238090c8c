import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startGateway, type TestGateway } from '../../test/tools/gateway-fixture.js';
import { connectHttp, type RawHttp } from '../../test/tools/raw-http.js';
import { createServer } from './create-server.js';

const discovery = 'GET /_matrix/push/v1/notify HTTP/1.1\r\nHost: a\r\n\r\n';

/** Resolves if the gateway still answers. */
async function expectAlive(port: number): Promise<void> {
  const connection = await connectHttp(port, discovery);
  expect(await connection.answers(1)).toMatchObject([{ status: 200 }]);
  connection.socket.destroy();
}

async function reset({ socket }: RawHttp): Promise<void> {
  socket.resetAndDestroy();
  if (!socket.closed) await once(socket, 'close');
}

/** The same gateway over TLS. */
async function startTls({ parts }: TestGateway, stage: { headerTimeoutMs?: number } = {}): Promise<number> {
  const [key, cert] = ['key', 'pem'].map((end) => readFileSync(`fixtures/tls/localhost.${end}`)) as [Buffer, Buffer];
  const server = createServer(parts, { tls: { key, cert }, checkIntervalMs: 20, ...stage });
  await server.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => {
    server.server.closeAllConnections();
    await server.close();
  });
  return (server.server.address() as AddressInfo).port;
}

describe('a gateway', () => {
  it('outlives clients that reset their connection anywhere', async () => {
    const { port } = await startGateway();
    for (const text of [
      '',
      'GET',
      'nonsense\r\n\r\n',
      discovery,
      'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n',
      `${discovery}CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nmore`,
      'POST /p/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc',
      'POST /p/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab',
      'POST /p/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x85',
    ]) {
      for (const wait of [false, true]) {
        const connection = await connectHttp(port, text);
        if (wait) await expectAlive(port); // the server has read it before
        await reset(connection);
      }
    }
    await expectAlive(port);
  });

  it('outlives what is no TLS, and what breaks it off', async () => {
    const port = await startTls(await startGateway());
    for (const text of [discovery, '\x16\x03\x01\x02\x00\x01\x00\x01', '', '\x15\x03\x01\x00\x02\x02\x28']) {
      const connection = await connectHttp(port, Buffer.from(text, 'latin1'));
      await reset(connection);
      const patient = await connectHttp(port, Buffer.from(text === '' ? 'x\r\n\r\n\r\n' : text, 'latin1'));
      patient.socket.end();
      await patient.ended();
    }
    const ca = readFileSync('fixtures/tls/authority.pem');
    const broken = connectTls({ port, host: '127.0.0.1', ca });
    await once(broken, 'secureConnect');
    broken.write('nonsense\r\n\r\n');
    const [answer] = await once(broken, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 .*"errno":115/s);
    broken.destroy();
    const request = httpsRequest({ port, host: '127.0.0.1', ca, path: '/_matrix/push/v1/notify', agent: false }).end();
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('cuts who does not begin with TLS', async () => {
    const port = await startTls(await startGateway(), { headerTimeoutMs: 100 });
    expect(await (await connectHttp(port)).ended()).toBe('');
  });

  it('cuts clients that ask and do not read', async () => {
    const { port } = await startGateway({ server: { stalledMs: 200 } });
    const deaf = await connectHttp(port);
    deaf.socket.pause();
    const closed = new Promise((resolve) => deaf.socket.once('close', resolve));
    // Until nothing more goes into it, as the gateway stops reading when its answers pile up.
    const ask = (): void => {
      while (!deaf.socket.destroyed && deaf.socket.write(discovery.repeat(500)));
    };
    deaf.socket.on('drain', ask);
    ask();
    await closed;
    await expectAlive(port);
  });

  it('answers an upgrade that it does not know as if it had not been asked for (RFC 9110 §7.8)', async () => {
    const { port } = await startGateway();
    for (const protocol of ['websocket', 'h2c']) {
      const upgrade = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\n`;
      const connection = await connectHttp(port, discovery.replace('Host: a\r\n', `Host: a\r\n${upgrade}`));
      expect(await connection.answers(1)).toMatchObject([{ status: 200 }]);
      connection.socket.destroy();
    }
  });

  it('answers anything that is sent in whole answers, and tells every error in JSON', async () => {
    const { port } = await startGateway();
    const piece = fc.constantFrom(
      ...[
        'GET ',
        'POST ',
        'CONNECT ',
        'PRI ',
        '/',
        '*',
        '/p/x',
        '/m/x',
        '/_matrix/push/v1/notify',
        '/%',
        '?',
        ' HTTP/1.1',
        ' HTTP/1.0',
      ],
      ...[
        '\r\n',
        '\r\n\r\n',
        '\n',
        '\r',
        '\0',
        ' ',
        '\t',
        ':',
        'Host: a\r\n',
        'Host: a\r\nContent-Length: 2\r\n\r\n{}',
      ],
      ...[
        'TTL: 1\r\n',
        'Expect: x\r\n',
        'Connection: close\r\n',
        'Connection: Upgrade\r\nUpgrade: x\r\n',
        'Content-Length: 3\r\n',
      ],
      ...['Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n', '0\r\n\r\n', 'ffffffffffffffff\r\n', '\xff', discovery],
    );
    const pieces = fc.array(piece, { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(fc.oneof(pieces, fc.string({ unit: 'binary-ascii' })), async (text) => {
        const connection = await connectHttp(port, Buffer.from(text, 'latin1'));
        connection.socket.end();
        const received = (await connection.ended()).replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '');
        for (const answer of received.split(/(?=HTTP\/1\.1 )/)) {
          const [, status, body] = /^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n(.*)$/s.exec(answer) ?? [];
          if (answer !== '' && Number(status) >= 400)
            expect(JSON.parse(body ?? '')).toMatchObject({ code: Number(status) });
          else if (answer !== '') expect(status).toBe('200');
        }
      }),
      { numRuns: 300 },
    );
    await expectAlive(port);
  });

  it('serves the others while a thousand connections stand open and send nothing', async () => {
    const { port } = await startGateway();
    const idle = await Promise.all(
      Array.from({ length: 1000 }, () =>
        connectHttp(port, 'POST /p/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\nx'),
      ),
    );
    await expectAlive(port);
    const sockets: Socket[] = idle.map(({ socket }) => socket);
    for (const socket of sockets) socket.destroy();
  });
});

describe('a push', () => {
  it('takes nothing out of the header of its request into its mail', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const headers = [
      ['TTL', '60'],
      ['Content-Encoding', "x-a!#$%&'*+.^_`|~9"],
      ['Subject', 'Injected-A'],
      ['Bcc', 'mallory@example.net'],
      ['X-Topic', 'Injected-B'],
      ['Content-Type', 'text/html; Injected-C'],
      ['Authorization', 'Injected-D'],
      ['Encryption', 'Injected-E'],
      ['From', 'Injected-F'],
    ] as const;
    const body = '\r\n.\r\nBcc: mallory@example.net\r\n\r\nInjected-G';
    expect((await gateway.ask({ method: 'POST', path: alice.path, headers, body })).status).toBe(201);
    const [mail] = gateway.smtp.given;
    expect(gateway.smtp.given).toHaveLength(1);
    expect(mail?.to).toBe('alice@example.org');
    expect(String(mail?.raw)).not.toMatch(/Injected|mallory/);
    const { header, payload } = await alice.read(mail?.raw);
    expect(payload.toString()).toBe(body);
    expect(header.contentCoding).toBe("x-a!#$%&'*+.^_`|~9");
  });

  it('can carry no line break in from any field', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const fields = ['Topic: a', 'Urgency: low', 'Content-Encoding: x', 'TTL: 1'];
    for (const field of fields) {
      for (const line of ['\r\n Bcc: b@example.net', '\r\n\tx', '\rBcc: b', '\0', '\x01', '\x7f', '\xa0', ';u=high']) {
        const others = fields.filter((other) => other !== field).join('\r\n');
        const text = `POST ${alice.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n${others}\r\n${field}${line}\r\n\r\nx`;
        const connection = await connectHttp(gateway.port, Buffer.from(text, 'latin1'));
        expect((await connection.answers(1))[0]?.status).toBe(400);
        connection.socket.destroy();
      }
    }
    expect(gateway.smtp.given).toHaveLength(0);
  });
});
