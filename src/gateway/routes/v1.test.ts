import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  noon,
  startGateway,
  type TestEndpoint,
  type TestGateway,
} from '../../../test/tools/gateway-fixture.js';
import type { Answer as SmtpAnswer } from '../../../test/tools/test-smtp-server.js';
import { open } from '../../crypto/index.js';
import { formatEndpoint, readInner, readMail } from '../../notify-spec/index.js';

const json = ['Content-Type', 'application/json'] as const;
const nonce = randomBytes(16).toString('base64url');

type Body = Record<string, unknown>;

const post = (gateway: TestGateway, path: string, body: unknown, bearer?: string, method = 'POST'): Promise<Answer> =>
  gateway.ask({
    method,
    path,
    headers: [json, ...(bearer === undefined ? [] : [['Authorization', `Bearer ${bearer}`] as const])],
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const askGrant = (gateway: TestGateway, alice: TestEndpoint, more: Body = {}): Promise<Answer> =>
  post(gateway, '/v1/grants', { endpoint: formatEndpoint(alice.mail), nonce, ...more });
const seal = (gateway: TestGateway, alice: TestEndpoint, bearer?: string, more: Body = {}): Promise<Answer> =>
  post(gateway, '/v1/endpoints', { endpoint: formatEndpoint(alice.mail), ...more }, bearer);
const revoke = (gateway: TestGateway, url: string, bearer?: string): Promise<Answer> =>
  post(gateway, '/v1/endpoints', { endpoint: url }, bearer, 'DELETE');
const grantFor = (gateway: TestGateway, address = 'alice@example.org'): string =>
  gateway.parts.sealer.sealGrant(address).grant;

/** What is inside a mail, for the key that it is for. */
async function openMail(raw: Uint8Array | undefined, { key }: TestEndpoint) {
  const { armored } = await readMail(raw ?? new Uint8Array());
  const { data } = await open(armored, { key, signers: [], now: noon });
  const inner = readInner(data);
  return { ...inner, json: JSON.parse(Buffer.from(inner.payload).toString()) as Body };
}

describe('asking for a grant', () => {
  it('mails it to the control channel, with the key of the gateway, and answers when the SMTP server has it', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const answer = await askGrant(gateway, alice);
    expect(answer).toMatchObject({ status: 202, body: {} });
    const [mail] = gateway.smtp.given;
    expect(gateway.smtp.given).toHaveLength(1);
    expect(mail?.to).toBe('alice@example.org');
    expect(mail?.raw.toString()).toMatch(/^Autocrypt: addr=push@app\.example;/m);
    const { mediaType, push, json } = await openMail(mail?.raw, alice);
    expect(mediaType).toBe('application/vnd.mailpush.grant');
    expect(push).toMatchObject({ channel: alice.mail.channel, ttlSeconds: 3600, urgency: 'high' });
    expect(json).toEqual({
      version: 1,
      gateway: 'https://push.example.org',
      nonce,
      grant: expect.any(String),
      expires: noon / 1000 + 90 * 86_400,
    });
    expect((await seal(gateway, alice, String(json.grant))).status).toBe(201);
  });

  it.each<[string, unknown]>([
    ['no JSON', '{"endpoint":'],
    ['a list', []],
    ['null', 'null'],
    ['no nonce', { nonce: undefined }],
    ['a short nonce', { nonce: 'A'.repeat(21) }],
    ['a long nonce', { nonce: 'A'.repeat(44) }],
    ['a nonce that is no base64url', { nonce: `${'A'.repeat(22)}=` }],
    ['more than was asked for', { more: true }],
    ['no endpoint', { endpoint: undefined }],
    ['an endpoint of a gateway', { endpoint: 'https://push.example.org/p/abc' }],
    ['an endpoint with a line break', { endpoint: 'mailto:alice%0d%0a@example.org?Email-Notify=x' }],
  ])('is a 400 with %s, and nothing is mailed', async (_, more) => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const body =
      typeof more === 'object' && !Array.isArray(more)
        ? { endpoint: formatEndpoint(alice.mail), nonce, ...more }
        : more;
    expect(await post(gateway, '/v1/grants', body)).toMatchObject({ status: 400, body: { errno: 115 } });
    expect(gateway.smtp.given).toHaveLength(0);
    // It has used up nothing of the mailbox.
    expect((await askGrant(gateway, alice)).status).toBe(202);
  });

  it('takes JSON only, so that no web page has its visitors ask, and no more than 4 KiB', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const body = JSON.stringify({ endpoint: formatEndpoint(alice.mail), nonce });
    for (const headers of [[], [['Content-Type', 'text/plain']], [['Content-Type', 'text/plain'], json]] as const) {
      const asked = { method: 'POST', path: '/v1/grants', headers, body };
      expect(await gateway.ask(asked)).toMatchObject({ status: 400, body: { errno: 115 } });
    }
    const padded = { method: 'POST', path: '/v1/grants', headers: [json], body: body.padEnd(4097) } as const;
    expect(await gateway.ask(padded)).toMatchObject({ status: 413, body: { errno: 104 } });
    const charset = ['Content-Type', 'Application/JSON; charset=utf-8'] as const;
    expect((await gateway.ask({ ...padded, headers: [charset], body: body.padEnd(4096) })).status).toBe(202);
  });

  it('is a 422 for an endpoint that cannot be sealed, and nothing is mailed', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const bob = await gateway.register({ address: 'bob@example.org' });
    const mixed = { ...alice, mail: { ...alice.mail, autocrypt: bob.mail.autocrypt } };
    expect(await askGrant(gateway, mixed)).toMatchObject({ status: 422, body: { errno: 116 } });
    expect(gateway.smtp.given).toHaveLength(0);
    expect((await askGrant(gateway, alice)).status).toBe(202);
  });

  it('is a 429 that tells when, for the same mailbox with another sub-address too', async () => {
    const gateway = await startGateway();
    expect((await askGrant(gateway, await gateway.register())).status).toBe(202);
    const answer = await askGrant(gateway, await gateway.register({ address: 'Alice+2@example.org' }));
    expect(answer).toMatchObject({ status: 429, body: { errno: 201 } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3500);
    expect(gateway.smtp.given).toHaveLength(1);
  });

  it('makes one mail of 50 requests at once', async () => {
    const gateway = await startGateway();
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) => gateway.register({ address: `alice+${index}@example.org` })),
    );
    const statuses = (await Promise.all(all.map((each) => askGrant(gateway, each)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([202, ...new Array(49).fill(429)]);
    expect(gateway.smtp.given).toHaveLength(1);
  });

  it.each<[string, SmtpAnswer, number, number, boolean]>([
    ['takes it later', { code: 451, text: '4.3.0 Later' }, 503, 202, true],
    ['knows no such mailbox', { code: 550, text: '5.1.1 No such user' }, 410, 106, true],
    ['refuses it for good', { code: 554, text: '5.7.1 No' }, 503, 202, true],
    ['is lost in the middle, and may have it', 'drop', 503, 202, false],
  ])(
    'when the SMTP server %s is told, and counts if it may have gone out',
    async (_, trouble, status, errno, again) => {
      let answer = trouble;
      const gateway = await startGateway({ smtp: { onRecipient: () => answer } });
      const alice = await gateway.register();
      const refused = await askGrant(gateway, alice);
      expect(refused).toMatchObject({ status, body: { errno } });
      if (status === 503) expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(60);
      answer = undefined;
      expect((await askGrant(gateway, alice)).status).toBe(again ? 202 : 429);
    },
  );

  it('that cannot be mailed, as there is no SMTP server, counts for nobody', async () => {
    const gateway = await startGateway({ rates: { client: { points: 1, seconds: 3600 } } });
    const alice = await gateway.register();
    await gateway.smtp.close();
    for (let count = 0; count < 3; count += 1) {
      const answer = await askGrant(gateway, alice);
      expect(answer).toMatchObject({ status: 503, body: { errno: 202 } });
      expect(answer.headers['retry-after']).toBe('60');
    }
  });

  it('too often in a way that is not valid is a 429 for this client', async () => {
    const gateway = await startGateway({ rates: { faults: { points: 3, seconds: 60 } } });
    const alice = await gateway.register();
    for (let count = 0; count < 3; count += 1) expect((await post(gateway, '/v1/grants', {})).status).toBe(400);
    for (const asked of [askGrant(gateway, alice), seal(gateway, alice, grantFor(gateway))]) {
      const answer = await asked;
      expect(answer).toMatchObject({ status: 429, body: { errno: 201 } });
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    // Pushes are another matter.
    expect((await gateway.ask({ path: alice.path })).status).toBe(200);
  });
});

describe('having an endpoint sealed', () => {
  it('gives a URL, when it expires, and whose pushes to take', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const answer = await seal(gateway, alice, grantFor(gateway));
    const expires = noon / 1000 + 90 * 86_400;
    expect(answer).toMatchObject({ status: 201, body: { expires, sender: gateway.parts.fingerprint } });
    expect(answer.headers['cache-control']).toBe('no-store');
    const { endpoint } = answer.body as { endpoint: string };
    const path = endpoint.slice('https://push.example.org'.length);
    const pushed = await gateway.ask({ method: 'POST', path, headers: [['TTL', '60']], body: 'hello' });
    expect(pushed.status).toBe(201);
    expect((await alice.read(gateway.smtp.given.at(-1)?.raw)).payload.toString()).toBe('hello');
  });

  it('needs a grant', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const stranger = await startGateway();
    const missing = await seal(gateway, alice);
    expect(missing).toMatchObject({ status: 401, body: { errno: 109 } });
    expect(missing.headers['www-authenticate']).toBe('Bearer');
    const sealed = alice.path.slice('/p/'.length);
    for (const bearer of [grantFor(stranger), `${grantFor(gateway)}A`, sealed, 'x', 'é']) {
      const wrong = await seal(gateway, alice, bearer);
      expect(wrong).toMatchObject({ status: 401, body: { errno: 109 } });
      expect(wrong.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    }
    const body = JSON.stringify({ endpoint: formatEndpoint(alice.mail) });
    const twice = [json, ...[1, 2].map(() => ['Authorization', `Bearer ${grantFor(gateway)}`] as const)];
    for (const headers of [
      twice,
      [json, ['Authorization', grantFor(gateway)] as const],
      [json, ['Authorization', `Basic ${grantFor(gateway)}`] as const],
    ]) {
      expect((await gateway.ask({ method: 'POST', path: '/v1/endpoints', headers, body })).status).toBe(401);
    }
  });

  it('needs a grant that has not expired', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const { grant, expires } = gateway.parts.sealer.sealGrant('alice@example.org');
    gateway.setClock(expires * 1000 - 1000);
    expect((await seal(gateway, alice, grant)).status).toBe(201);
    gateway.setClock(expires * 1000);
    expect((await seal(gateway, alice, grant)).status).toBe(401);
  });

  it('needs a grant for this very address', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    for (const address of ['bob@example.org', 'alice+push@example.org', 'alice@example.com', 'alice@sub.example.org']) {
      expect(await seal(gateway, alice, grantFor(gateway, address))).toMatchObject({
        status: 403,
        body: { errno: 109 },
      });
    }
    expect((await seal(gateway, alice, grantFor(gateway, 'ALICE@Example.org'))).status).toBe(201);
  });

  it.each<[string, Body, number, number]>([
    ['more than was asked for', { sub: 'x' }, 400, 115],
    ['a VAPID key that is none', { vapid: 'A'.repeat(87) }, 400, 115],
    ['a VAPID key that is no text', { vapid: 1 }, 400, 115],
    ['no endpoint', { endpoint: undefined }, 400, 115],
    [
      'a certificate that is none',
      {
        endpoint: `mailto:alice@example.org?Email-Notify=v%3D1%3B%20c%3D${'A'.repeat(27)}&Autocrypt=addr%3Dalice%40example.org%3B%20keydata%3DAAAA`,
      },
      422,
      116,
    ],
  ])('is refused with %s', async (_, more, status, errno) => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    expect(await seal(gateway, alice, grantFor(gateway), more)).toMatchObject({ status, body: { errno } });
  });

  it('is a 429 when a mailbox has had too many', async () => {
    const gateway = await startGateway({ rates: { seals: { points: 2, seconds: 60 } } });
    const alice = await gateway.register();
    for (let count = 0; count < 2; count += 1) expect((await seal(gateway, alice, grantFor(gateway))).status).toBe(201);
    const answer = await seal(gateway, alice, grantFor(gateway));
    expect(answer).toMatchObject({ status: 429, body: { errno: 201 } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describe('revoking an endpoint', () => {
  it('makes it a 410 for whoever pushes, and it alone', async () => {
    const gateway = await startGateway();
    const [alice, other] = [await gateway.register(), await gateway.register()];
    const answer = await revoke(gateway, alice.url, grantFor(gateway));
    expect(answer).toMatchObject({ status: 204, body: undefined });
    const push = { method: 'POST', headers: [['TTL', '60']], body: 'x' } as const;
    expect(await gateway.ask({ ...push, path: alice.path })).toMatchObject({ status: 410, body: { errno: 106 } });
    expect((await gateway.ask({ path: alice.path })).status).toBe(410);
    expect((await gateway.ask({ ...push, path: other.path })).status).toBe(201);
    expect((await revoke(gateway, alice.url, grantFor(gateway))).status).toBe(204);
  });

  it('revokes what was sealed for it before too, and nothing that is sealed after', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    gateway.setClock(noon + 60_000);
    const { url } = await gateway.parts.sealer.sealEndpoint(alice.mail, undefined);
    gateway.setClock(noon + 120_000);
    const later = await gateway.parts.sealer.sealEndpoint(alice.mail, undefined);
    expect((await revoke(gateway, url, grantFor(gateway))).status).toBe(204);
    const check = async (of: string): Promise<number> => (await gateway.ask({ path: new URL(of).pathname })).status;
    expect(await Promise.all([alice.url, url, later.url].map(check))).toEqual([410, 410, 200]);
  });

  it('needs a grant for its address, and an endpoint of this gateway', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    expect((await revoke(gateway, alice.url)).status).toBe(401);
    expect((await revoke(gateway, alice.url, grantFor(gateway, 'bob@example.org'))).status).toBe(403);
    for (const url of [
      'https://push.example.org/p/',
      'https://other.example/p/x',
      `${alice.url}A`,
      alice.path,
      formatEndpoint(alice.mail),
    ]) {
      expect(await revoke(gateway, url, grantFor(gateway))).toMatchObject({ status: 404, body: { errno: 102 } });
    }
    expect((await gateway.ask({ path: alice.path })).status).toBe(200);
  });
});

it('every other method of these paths is a 405 with those that there are', async () => {
  const gateway = await startGateway();
  for (const [path, methods] of [
    ['/v1/grants', 'POST'],
    ['/v1/endpoints', 'POST, DELETE'],
    ['/health', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
  ] as const) {
    const answer = await gateway.ask({ method: 'PUT', path });
    expect(answer).toMatchObject({ status: 405, body: { errno: 405 } });
    expect(answer.headers.allow).toBe(methods);
  }
});
