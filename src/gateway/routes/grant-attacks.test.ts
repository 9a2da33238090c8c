import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bindSubkey } from '../../../test/tools/bound-certificate.js';
import {
  type Answer,
  noon,
  startGateway,
  type TestEndpoint,
  type TestGateway,
} from '../../../test/tools/gateway-fixture.js';
import { formatAutocrypt } from '../../crypto/index.js';
import { formatEndpoint } from '../../notify-spec/index.js';

const json = ['Content-Type', 'application/json'] as const;
const bearer = (grant: string) => ['Authorization', `Bearer ${grant}`] as const;
const dayMs = 86_400_000;

type Request = { readonly method?: string; readonly grant?: string; readonly body: object };

function ask(gateway: TestGateway, path: string, { method = 'POST', grant, body }: Request): Promise<Answer> {
  const headers = grant === undefined ? [json] : [json, bearer(grant)];
  return gateway.ask({ method, path, headers, body: JSON.stringify(body) });
}

const uriOf = ({ mail }: TestEndpoint): string => formatEndpoint(mail);
const askGrant = (gateway: TestGateway, of: TestEndpoint | string): Promise<Answer> =>
  ask(gateway, '/v1/grants', {
    body: { endpoint: typeof of === 'string' ? of : uriOf(of), nonce: randomBytes(16).toString('base64url') },
  });
const seal = (gateway: TestGateway, grant: string, endpoint: TestEndpoint | string): Promise<Answer> =>
  ask(gateway, '/v1/endpoints', {
    grant,
    body: { endpoint: typeof endpoint === 'string' ? endpoint : uriOf(endpoint) },
  });

/** Asks for a grant and reads it out of the mail, as the owner of the mailbox can. */
async function grantFor(gateway: TestGateway, endpoint: TestEndpoint): Promise<string> {
  expect((await askGrant(gateway, endpoint)).status).toBe(202);
  const { payload } = await endpoint.read(gateway.smtp.given.at(-1)?.raw);
  return (JSON.parse(payload.toString()) as { grant: string }).grant;
}

describe('a grant', () => {
  it('seals for its own address, in whatever letters, and for no other', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    for (const address of ['alice@example.org', 'Alice@example.org', 'alice@EXAMPLE.org']) {
      expect((await seal(gateway, grant, await gateway.register({ address }))).status, address).toBe(201);
    }
    const others = [
      'bob@example.org',
      'alice+push@example.org',
      'a.lice@example.org',
      'alice@example.org.example.com',
      'alice@sub.example.org',
      'xalice@example.org',
    ];
    for (const address of others) {
      const answer = await seal(gateway, grant, await gateway.register({ address }));
      expect(answer, address).toMatchObject({ status: 403, body: { errno: 109 } });
    }
  });

  it('is for the address alone and not for the mailbox: that of a sub-address does not seal for the rest', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, await gateway.register({ address: 'alice+push@example.org' }));
    expect((await seal(gateway, grant, alice)).status).toBe(403);
  });

  it('does not seal another address under the own one: the address of URI, header and certificate is the same', async () => {
    const gateway = await startGateway();
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const grant = await grantFor(gateway, alice);
    const { autocrypt } = bob.mail;
    for (const mail of [
      { ...alice.mail, autocrypt },
      { ...alice.mail, autocrypt: autocrypt.replace('bob@', 'alice@') },
      { ...alice.mail, autocrypt: alice.mail.autocrypt.replace('alice@', 'bob@') },
    ]) {
      expect(await seal(gateway, grant, formatEndpoint(mail))).toMatchObject({ status: 422, body: { errno: 116 } });
    }
    const uri = uriOf(alice);
    for (const given of [
      uri.replace('alice@', 'alice,bob@'),
      uri.replace('mailto:alice@', 'mailto:bob@example.org,alice@'),
      `${uri}&cc=bob%40example.org`,
      `${uri}&to=bob%40example.org`,
      uri.replace('alice@', 'al%C4%B1ce@'),
      // U+212A, whose lower case is k.
      uri.replace('alice@', '%E2%84%AA@'),
      uri.replace('alice@', 'alıce@'),
      uri.replace('alice@', 'alice%00@'),
      uri.replace('alice@', 'alice%0d%0aBcc:bob@'),
    ]) {
      expect(await seal(gateway, grant, given), given).toMatchObject({ status: 400, body: { errno: 115 } });
    }
  });

  it('is taken from one Authorization header of the scheme Bearer and from nowhere else', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    const body = JSON.stringify({ endpoint: uriOf(alice) });
    const post = (headers: readonly (readonly [string, string])[], path = '/v1/endpoints') =>
      gateway.ask({ method: 'POST', path, headers: [json, ...headers], body });
    const refused = [
      await post([]),
      await post([], `/v1/endpoints?access_token=${grant}`),
      await post([['Cookie', `grant=${grant}`]]),
      await post([['Authorization', grant]]),
      await post([['Authorization', `Basic ${grant}`]]),
      await post([['Authorization', `Bearer ${grant}=`]]),
      await post([['Authorization', `Bearer ${grant}, Bearer ${grant}`]]),
      await post([bearer(grant), bearer(grant)]),
      await post([bearer(alice.path.slice('/p/'.length))]),
    ];
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 401, body: { errno: 109 } });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
    expect((await post([bearer(grant)])).status).toBe(201);
  });

  it('ends after 90 days, to the second', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    gateway.setClock(noon + 90 * dayMs - 1);
    expect((await seal(gateway, grant, alice)).status).toBe(201);
    gateway.setClock(noon + 90 * dayMs);
    expect((await seal(gateway, grant, alice)).status).toBe(401);
  });

  it('is no endpoint to push to, and none of another gateway is taken', async () => {
    const [gateway, other] = [await startGateway(), await startGateway()];
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    expect((await gateway.ask({ path: `/p/${grant}` })).status).toBe(404);
    expect((await seal(other, grant, alice)).status).toBe(401);
    expect((await other.ask({ path: alice.path })).status).toBe(404);
  });
});

describe('revoking', () => {
  it('is for who has a grant for the address: others leave the endpoint as it is', async () => {
    const gateway = await startGateway();
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    const grant = await grantFor(gateway, bob);
    const revoke = (endpoint: string) => ask(gateway, '/v1/endpoints', { method: 'DELETE', grant, body: { endpoint } });
    expect((await revoke(alice.url)).status).toBe(403);
    // A channel is known to its app server too: what is sealed for it at another address is another endpoint.
    const same = { ...bob, mail: { ...bob.mail, channel: alice.mail.channel } };
    const sealed = (await seal(gateway, grant, same)).body as { endpoint: string };
    expect((await revoke(sealed.endpoint)).status).toBe(204);
    expect((await gateway.ask({ path: alice.path })).status).toBe(200);
    expect((await gateway.ask({ path: new URL(sealed.endpoint).pathname })).status).toBe(410);
  });

  it('takes the endpoint as it was given and no other spelling', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    for (const endpoint of [
      alice.path,
      `${alice.url}?x`,
      `${alice.url}=`,
      alice.url.replace('/p/', '/p//'),
      alice.url.replace('https:', 'http:'),
      alice.url.replace('push.example.org', 'push.example.org@app.example'),
      uriOf(alice),
    ]) {
      const answer = await ask(gateway, '/v1/endpoints', { method: 'DELETE', grant, body: { endpoint } });
      expect(answer, endpoint).toMatchObject({ status: 404, body: { errno: 102 } });
    }
    expect((await gateway.ask({ path: alice.path })).status).toBe(200);
  });
});

describe('asking for grants', () => {
  it('makes one mail an hour to a mailbox, however its address is written', async () => {
    const gateway = await startGateway();
    const addresses = ['alice@gmail.com', 'Alice@gmail.com', 'alice+1@gmail.com', 'a.l.i.c.e+2@googlemail.com'];
    const endpoints = await Promise.all(addresses.map((address) => gateway.register({ address })));
    const answers = await Promise.all(endpoints.map((endpoint) => askGrant(gateway, endpoint)));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 429, 429, 429]);
    expect(gateway.smtp.given).toHaveLength(1);
  });

  it('is not used up by requests that make no mail', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const zeros = bindSubkey('alice@example.org', new Uint8Array(32), Math.floor(noon / dayMs) - 1);
    const useless = { ...alice.mail, autocrypt: formatAutocrypt({ address: 'alice@example.org', keydata: zeros }) };
    for (let tried = 0; tried < 10; tried += 1) {
      expect(await askGrant(gateway, formatEndpoint(useless))).toMatchObject({ status: 422, body: { errno: 116 } });
    }
    expect((await askGrant(gateway, alice)).status).toBe(202);
    expect(gateway.smtp.given).toHaveLength(1);
  });

  it('is refused to web pages, which can send no JSON without being asked first', async () => {
    const gateway = await startGateway();
    const body = JSON.stringify({
      endpoint: uriOf(await gateway.register()),
      nonce: randomBytes(16).toString('base64url'),
    });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a']) {
      const answer = await gateway.ask({ method: 'POST', path: '/v1/grants', headers: [['Content-Type', type]], body });
      expect(answer).toMatchObject({ status: 400, body: { errno: 115 } });
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    const preflight = await gateway.ask({ method: 'OPTIONS', path: '/v1/grants' });
    expect(preflight.status).toBe(405);
    expect(gateway.smtp.given).toHaveLength(0);
  });

  it('writes no address, endpoint or grant into the log', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    const grant = await grantFor(gateway, alice);
    await seal(gateway, grant, alice);
    await seal(gateway, grant, await gateway.register({ address: 'bob@example.org' }));
    await seal(gateway, `${grant}A`, alice);
    const log = gateway.logged.join('\n');
    expect(log).toContain('/v1/endpoints');
    for (const secret of ['alice', 'example.org', 'bob', grant, alice.mail.channel, alice.path])
      expect(log).not.toContain(secret);
  });
});
