import { createECDH, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  type Asked,
  createVapidSigner,
  noon,
  startGateway,
  type TestEndpoint,
  type TestGateway,
} from '../../../test/tools/gateway-fixture.js';
import { connectHttp } from '../../../test/tools/raw-http.js';

type Headers = readonly (readonly [string, string])[];

const ttl = ['TTL', '60'] as const;

function push(gateway: TestGateway, endpoint: TestEndpoint, headers: Headers, body: Asked['body'] = 'hello') {
  return gateway.ask({ method: 'POST', path: endpoint.path, headers, body });
}

function expectError(answer: Answer, status: number, errno: number): void {
  expect(answer).toMatchObject({ status, body: { code: status, errno } });
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(Object.keys(answer.body as object)).toEqual(['code', 'errno', 'error', 'message']);
}

/** An aes128gcm body (RFC 8188 §2.1) with a key of its own; what is in it does not matter here. */
function encrypted(keyId: Buffer = randomBytes(65)): Buffer {
  return Buffer.concat([randomBytes(16), Buffer.from([0, 0, 16, 0, keyId.length]), keyId, randomBytes(40)]);
}

describe('a push (RFC 8030 §5)', () => {
  it('is answered with 201, its name and its TTL, once the SMTP server has it', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const answer = await push(gateway, alice, [ttl, ['Urgency', 'high'], ['Topic', 'chat']]);
    expect(answer).toMatchObject({ status: 201, body: undefined, headers: { ttl: '60', 'content-length': '0' } });
    expect(gateway.smtp.given).toHaveLength(1);
    const { header, payload } = await alice.read(gateway.smtp.given[0]?.raw);
    expect(payload.toString()).toBe('hello');
    expect(header).toMatchObject({ channel: alice.mail.channel, ttlSeconds: 60, urgency: 'high', topic: 'chat' });
    expect(header.contentCoding).toBeUndefined();
    expect(answer.headers.location).toBe(`https://push.example.org/m/${header.id}`);
  });

  it('reaches the device byte for byte, whatever its type says', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const body = Buffer.from(Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff));
    const types = ['application/octet-stream', 'application/json', 'text/plain;charset=utf-8', 'nonsense', undefined];
    for (const type of types) {
      const headers: Headers = type === undefined ? [ttl] : [ttl, ['Content-Type', type]];
      expect((await push(gateway, alice, headers, body)).status).toBe(201);
      expect((await alice.read(gateway.smtp.given.at(-1)?.raw)).payload.equals(body)).toBe(true);
    }
  });

  it('names the coding of its body to the device, and leaves everything else of the request behind', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const codings = [
      ['aes128gcm', 'aes128gcm'],
      ['AES128GCM', 'aes128gcm'],
      ['gzip', 'gzip'],
    ] as const;
    for (const [coding, named] of codings) {
      await push(gateway, alice, [ttl, ['Content-Encoding', coding], ['X-Secret', 'secret']], encrypted());
      const raw = gateway.smtp.given.at(-1)?.raw;
      expect((await alice.read(raw)).header.contentCoding).toBe(named);
      expect(String(raw)).not.toMatch(/secret/i);
    }
  });

  it('is a name only once it is sent: its Location takes no method (RFC 8030 §6.3 is not offered)', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const { headers } = await push(gateway, alice, [ttl]);
    const path = headers.location?.slice('https://push.example.org'.length) ?? '';
    for (const method of ['GET', 'DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
      const answer = await gateway.ask({ method, path });
      expectError(answer, 405, 405);
      expect(answer.headers.allow).toBe('');
    }
  });

  it('gets no receipt, however it asks (RFC 8030 §5.1)', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const answer = await push(gateway, alice, [
      ttl,
      ['Prefer', 'respond-async'],
      ['Push-Receipt', 'https://app.example/r'],
    ]);
    expect(answer.status).toBe(201);
    expect(answer.headers.link).toBeUndefined();
  });

  it('takes POST and nothing else', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await gateway.ask({ method, path: alice.path, headers: [ttl], body: 'hello' });
      expectError(answer, 405, 405);
      expect(answer.headers.allow).toBe('GET, HEAD, POST');
    }
    expect(gateway.smtp.given).toHaveLength(0);
  });
});

describe('a body (RFC 8030 §7.2)', () => {
  it('may have 4096 bytes, and no more', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    expect((await push(gateway, alice, [ttl], Buffer.alloc(4096))).status).toBe(201);
    expectError(await push(gateway, alice, [ttl], Buffer.alloc(4097)), 413, 104);
    expect(gateway.smtp.given).toHaveLength(1);
  });

  it('has at least one byte, as apps take no other', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    expectError(await push(gateway, alice, [ttl], ''), 400, 110);
    expectError(await push(gateway, alice, [ttl, ['Content-Encoding', 'aes128gcm']], ''), 400, 110);
  });

  it('has one coding or none (errno 110)', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const coding of ['', 'aes128gcm, gzip', 'aes 128', 'aes128gcm;q=1', 'x'.repeat(33)]) {
      expectError(await push(gateway, alice, [ttl, ['Content-Encoding', coding]]), 400, 110);
    }
    const twice: Headers = [ttl, ['Content-Encoding', 'aes128gcm'], ['Content-Encoding', 'aes128gcm']];
    expectError(await push(gateway, alice, twice), 400, 110);
  });
});

describe('the TTL (RFC 8030 §5.2)', () => {
  it('has to be there', async () => {
    const gateway = await startGateway();
    expectError(await push(gateway, await gateway.register(), []), 400, 111);
  });

  it('is a whole number, once', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const value of ['', '-1', '1.5', '1e3', '0x10', 'forever', '60 s', '１']) {
      expectError(await push(gateway, alice, [['TTL', Buffer.from(value).toString('latin1')]]), 400, 112);
    }
    expectError(await push(gateway, alice, [ttl, ttl]), 400, 112);
    expectError(await push(gateway, alice, [ttl, ['ttl', '61']]), 400, 112);
  });

  it('is capped at four weeks, and the answer says so', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const [asked, told] of [
      ['0', '0'],
      ['2419200', '2419200'],
      ['2419201', '2419200'],
      ['9'.repeat(400), '2419200'],
    ] as const) {
      const answer = await push(gateway, alice, [['TTL', asked]]);
      expect(answer).toMatchObject({ status: 201, headers: { ttl: told } });
      const { header } = await alice.read(gateway.smtp.given.at(-1)?.raw);
      expect(header.ttlSeconds).toBe(Number(told));
    }
  });
});

describe('the urgency (RFC 8030 §5.3)', () => {
  it('is one of four, in either case, and normal if it is not said', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const [value, urgency] of [
      ['very-low', 'very-low'],
      ['low', 'low'],
      ['normal', 'normal'],
      ['High', 'high'],
      [undefined, 'normal'],
    ] as const) {
      await push(gateway, alice, value === undefined ? [ttl] : [ttl, ['Urgency', value]]);
      expect((await alice.read(gateway.smtp.given.at(-1)?.raw)).header.urgency).toBe(urgency);
    }
  });

  it('is refused when it is another, or comes twice', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const value of ['', 'urgent', 'low,high', 'very low']) {
      expectError(await push(gateway, alice, [ttl, ['Urgency', value]]), 400, 114);
    }
    expectError(await push(gateway, alice, [ttl, ['Urgency', 'low'], ['Urgency', 'low']]), 400, 114);
  });
});

describe('the topic (RFC 8030 §5.4)', () => {
  it('has 1 to 32 base64url characters, and comes once', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const longest = 'AZaz09-_'.repeat(4);
    expect((await push(gateway, alice, [ttl, ['Topic', longest]])).status).toBe(201);
    expect((await alice.read(gateway.smtp.given[0]?.raw)).header.topic).toBe(longest);
    for (const value of ['', 'a'.repeat(33), 'a b', 'a/b', 'a=', 'gr\xfcn', 'a;u=high']) {
      expectError(await push(gateway, alice, [ttl, ['Topic', value]]), 400, 113);
    }
    expectError(await push(gateway, alice, [ttl, ['Topic', 'a'], ['Topic', 'b']]), 400, 113);
  });
});

describe('an endpoint (RFC 8030 §7.3)', () => {
  it('is a 404 when this gateway did not make it', async () => {
    const [gateway, another] = [await startGateway(), await startGateway()];
    const { path } = await gateway.register();
    const foreign = await another.register();
    const forged = `${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`;
    for (const wrong of [
      '/p/',
      '/p/x',
      foreign.path,
      forged,
      `${path}A`,
      `${path}=`,
      `/p/${'A'.repeat(600)}`,
      '/p/%00',
    ]) {
      expectError(await gateway.ask({ method: 'POST', path: wrong, headers: [ttl], body: 'hello' }), 404, 102);
      expectError(await gateway.ask({ path: wrong }), 404, 102);
    }
    expect(gateway.smtp.given).toHaveLength(0);
  });

  it('is a 410 once its seal has expired, and not before', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const expires = gateway.parts.sealer.openEndpoint(alice.path.slice('/p/'.length))?.expires ?? 0;
    gateway.setClock(expires * 1000 - 1);
    expect((await push(gateway, alice, [ttl])).status).toBe(201);
    gateway.setClock(expires * 1000);
    expectError(await push(gateway, alice, [ttl]), 410, 103);
    expectError(await gateway.ask({ path: alice.path }), 410, 103);
  });

  it('is a 410 once it was revoked', async () => {
    const gateway = await startGateway();
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    await gateway.parts.revocations.revokeEndpoint(alice.mail, noon / 1000 + 90 * 86_400);
    expectError(await push(gateway, alice, [ttl]), 410, 106);
    expectError(await gateway.ask({ path: alice.path }), 410, 106);
    expect((await push(gateway, bob, [ttl])).status).toBe(201);
  });

  it('tells a distributor that it would be pushed to', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register({ vapid: createVapidSigner().key });
    const answer = await gateway.ask({ path: alice.path });
    expect(answer).toMatchObject({ status: 200, body: { unifiedpush: { version: 1 } } });
    expect((await gateway.ask({ path: `${alice.path}?from=app` })).status).toBe(200);
  });
});

describe('what is wrong first', () => {
  it('is told first: seal, VAPID, TTL, urgency, topic, coding, size', async () => {
    const signer = createVapidSigner();
    const gateway = await startGateway();
    const alice = await gateway.register({ vapid: signer.key });
    const wrong: [name: string, value: string, good: string, errno: number][] = [
      ['Authorization', '', `vapid t=${await signer.token()}, k=${signer.key}`, 109],
      ['TTL', 'x', '60', 112],
      ['Urgency', 'x', 'low', 114],
      ['Topic', '/', 'a', 113],
      ['Content-Encoding', ' / ', 'aes128gcm', 110],
    ];
    const large = Buffer.alloc(5000);
    const bad = wrong.map(([name, value]) => [name, value] as const);
    expectError(await gateway.ask({ method: 'POST', path: '/p/x', headers: bad, body: large }), 404, 102);
    for (const [index, [, , , errno]] of wrong.entries()) {
      const headers = wrong.map(([name, value, good], at) => [name, at < index ? good : value] as const);
      expect((await push(gateway, alice, headers, large)).body).toMatchObject({ errno });
    }
    const good = wrong.map(([name, , value]) => [name, value] as const);
    expectError(await push(gateway, alice, good, large), 413, 104);
  });
});

describe('a request that comes again', () => {
  it('is delivered once when its body is encrypted, and twice when it is not', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const bob = await gateway.register({ address: 'bob@example.org' });
    const body = encrypted();
    const coded: Headers = [ttl, ['Content-Encoding', 'aes128gcm']];
    const id = async (endpoint: TestEndpoint, headers: Headers, of: Buffer): Promise<string> => {
      const { headers: told } = await push(gateway, endpoint, headers, of);
      const { header } = await endpoint.read(gateway.smtp.given.at(-1)?.raw);
      expect(told.location).toBe(`https://push.example.org/m/${header.id}`);
      return header.id;
    };
    const first = await id(alice, coded, body);
    expect(await id(alice, coded, body)).toBe(first);
    expect(await id(alice, coded, encrypted())).not.toBe(first);
    expect(await id(bob, coded, body)).not.toBe(first);
    expect(await id(alice, [ttl], body)).not.toBe(await id(alice, [ttl], body));
    const gzip: Headers = [ttl, ['Content-Encoding', 'gzip']];
    expect(await id(alice, gzip, body)).not.toBe(await id(alice, gzip, body));
  });

  it('is sent on although its client has gone away', async () => {
    let taken = (): void => {};
    const held = new Promise<void>((resolve) => (taken = resolve));
    let asked = (): void => {};
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    const gateway = await startGateway({
      smtp: {
        onMail: async () => {
          asked();
          await held;
          return undefined;
        },
      },
    });
    const alice = await gateway.register();
    const client = await connectHttp(
      gateway.port,
      `POST ${alice.path} HTTP/1.1\r\nHost: a\r\nTTL: 60\r\nContent-Length: 5\r\n\r\nhello`,
    );
    await arrived;
    client.socket.destroy();
    await expect.poll(() => gateway.logged.join()).toContain('went away');
    taken();
    await gateway.parts.sender.close();
    expect(gateway.smtp.given).toHaveLength(1);
    expect(gateway.smtp.connections()).toBe(1);
  });
});

describe('a log of pushes', () => {
  it('has neither endpoint nor address nor what was in them', async () => {
    const gateway = await startGateway({
      smtp: { onRecipient: () => ({ code: 550, text: '5.1.1 <alice@example.org>' }) },
    });
    const alice = await gateway.register();
    await push(gateway, alice, [ttl, ['Topic', 'chat']]);
    await push(gateway, alice, [ttl]);
    await expect.poll(() => gateway.logged).toHaveLength(2);
    expect(gateway.logged.join()).not.toMatch(/alice|example\.org|chat|hello|127\.0\.0/);
    expect(gateway.logged.join()).not.toContain(alice.path.slice('/p/'.length));
    expect(gateway.logged.join()).not.toContain(alice.mail.channel);
  });
});

describe('a message encrypted with the VAPID key (RFC 8292 §3.2)', () => {
  it('is refused, and one with another key is not', async () => {
    const signer = createVapidSigner();
    const gateway = await startGateway();
    const alice = await gateway.register({ vapid: signer.key });
    const headers: Headers = [
      ttl,
      ['Content-Encoding', 'aes128gcm'],
      ['Authorization', `vapid t=${await signer.token()}, k=${signer.key}`],
    ];
    expectError(await push(gateway, alice, headers, encrypted(signer.pair.getPublicKey())), 400, 110);
    const other = createECDH('prime256v1').generateKeys();
    expect((await push(gateway, alice, headers, encrypted(other))).status).toBe(201);
  });
});
