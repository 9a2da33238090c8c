import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createVapidSigner, noon, startGateway } from '../../test/tools/gateway-fixture.js';
import { GatewayError } from './gateway-error.js';
import type { HeaderFields } from './push-header.js';
import { checkVapid, type VapidRule } from './vapid.js';

const audience = 'https://push.example.org';
const signer = createVapidSigner(audience);
const hour = 3600;
const now = noon / 1000;
const rule: VapidRule = { key: signer.key, audience, now: noon, draft: false };
const good = await signer.token();

/** `200`, or the status and errno that a push is refused with. */
async function check(fields: HeaderFields, changed: Partial<VapidRule> = {}): Promise<string> {
  try {
    await checkVapid(fields, { ...rule, ...changed });
    return '200';
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    const { status, errno, headers } = error as GatewayError;
    expect(headers).toEqual(status === 401 ? { 'WWW-Authenticate': 'vapid' } : {});
    return `${status}/${errno}`;
  }
}

const signed = (authorization: string, changed?: Partial<VapidRule>): Promise<string> =>
  check({ authorization: [authorization] }, changed);
const withToken = (token: string, changed?: Partial<VapidRule>): Promise<string> =>
  signed(`vapid t=${token}, k=${signer.key}`, changed);

describe('the example of RFC 8292 §2.4', () => {
  const example = JSON.parse(readFileSync('fixtures/web-push/vapid.json', 'utf8'));
  const authorization = `vapid t=${example.token}, k=${example.key}`;

  it('is good in the day before it expires', async () => {
    const at = { key: example.key, audience: example.audience };
    expect(await signed(authorization, { ...at, now: (example.expires - 1) * 1000 })).toBe('200');
    expect(await signed(authorization, { ...at, now: (example.expires - 24 * hour) * 1000 })).toBe('200');
    expect(await signed(authorization, { ...at, now: (example.expires - 25 * hour) * 1000 })).toBe('403/109');
    expect(await signed(authorization, { ...at, now: (example.expires + 61) * 1000 })).toBe('403/109');
    expect(await signed(authorization, { ...at, now: noon })).toBe('403/109');
  });

  it('is taken over HTTP by an endpoint for its key', async () => {
    const gateway = await startGateway({ publicUrl: example.audience, now: (example.expires - hour) * 1000 });
    const alice = await gateway.register({ vapid: example.key });
    const headers = [['TTL', '10'] as const, ['Authorization', authorization] as const];
    const push = { method: 'POST', path: alice.path, body: 'x' };
    expect((await gateway.ask({ ...push, headers })).status).toBe(201);
    const unsigned = await gateway.ask({ ...push, headers: headers.slice(0, 1) });
    expect(unsigned).toMatchObject({ status: 401, headers: { 'www-authenticate': 'vapid' }, body: { errno: 109 } });
    const tampered = [headers[0] as never, ['Authorization', authorization.replace('.i3C', '.i3D')] as const];
    expect(await gateway.ask({ ...push, headers: tampered })).toMatchObject({ status: 403, body: { errno: 109 } });
    const free = await gateway.register();
    expect((await gateway.ask({ ...push, path: free.path, headers: tampered })).status).toBe(201);
  });
});

describe('VAPID at a restricted endpoint (RFC 8292 §4.2)', () => {
  it('is a 401 when it is not there, or of another scheme', async () => {
    expect(await check({})).toBe('401/109');
    for (const value of [
      '',
      'Basic YWxpY2U6cHc=',
      `WebPush ${good}`,
      `Bearer ${good}`,
      'vapidly t=x',
      `vapid,t=${good}`,
    ]) {
      expect(await signed(value)).toBe('401/109');
    }
  });

  it('is a 400 when it comes twice', async () => {
    const value = `vapid t=${good}, k=${signer.key}`;
    expect(await check({ authorization: [value, value] })).toBe('400/115');
  });

  it('is a 403 with another key, even if that has signed it', async () => {
    const other = createVapidSigner(audience);
    expect(await signed(`vapid t=${await other.token()}, k=${other.key}`)).toBe('403/109');
    expect(await signed(`vapid t=${await other.token()}, k=${signer.key}`)).toBe('403/109');
    expect(await signed(`vapid t=${good}, k=${other.key}`)).toBe('403/109');
    expect(await signed(`vapid t=${good}, k=${signer.key.slice(0, -1)}`)).toBe('403/109');
  });

  it('is a 403 when it is tampered with', async () => {
    const [header, payload, signature] = good.split('.');
    const later = Buffer.from(JSON.stringify({ aud: audience, exp: now + 60 })).toString('base64url');
    expect(await withToken(`${header}.${later}.${signature}`)).toBe('403/109');
    expect(await withToken(`${header}.${payload}.`)).toBe('403/109');
    expect(await withToken(`${header}.${payload}`)).toBe('403/109');
    expect(await withToken('')).toBe('403/109');
  });
});

describe('the token (RFC 8292 §2)', () => {
  it('is signed with ES256 and nothing else', async () => {
    const claims = { aud: audience, exp: now + hour };
    expect(await withToken(new UnsecuredJWT(claims).encode())).toBe('403/109');
    // With the public key as a password.
    for (const password of [Buffer.from(signer.key), Buffer.from(signer.key, 'base64url')]) {
      const hmac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(password);
      expect(await withToken(hmac)).toBe('403/109');
    }
    expect(await withToken(await signer.token({}, { typ: undefined }))).toBe('200');
  });

  it('is for the origin of this gateway, alone or among others', async () => {
    const aud = (value: unknown): Promise<string> => signer.token({ aud: value }).then((token) => withToken(token));
    expect(await aud(audience)).toBe('200');
    expect(await aud(['https://push.example.net', audience])).toBe('200');
    for (const wrong of [
      undefined,
      '',
      'push.example.org',
      `${audience}/`,
      `${audience}.evil.example`,
      [],
      7,
      null,
      {},
    ]) {
      expect(await aud(wrong)).toBe('403/109');
    }
  });

  it('expires, within 24 hours, give or take a minute', async () => {
    const exp = (value: unknown): Promise<string> => signer.token({ exp: value }).then((token) => withToken(token));
    for (const fine of [now - 59, now + 1, now + 0.5, now + 24 * hour, now + 24 * hour + 60]) {
      expect(await exp(fine)).toBe('200');
    }
    for (const wrong of [
      undefined,
      now - 60,
      now + 24 * hour + 61,
      0,
      -1,
      1e300,
      String(now + hour),
      null,
      [now + hour],
    ]) {
      expect(await exp(wrong)).toBe('403/109');
    }
  });

  it('is not used before its nbf, give or take a minute, and needs neither nbf nor iat nor sub', async () => {
    const claims = (value: object): Promise<string> => signer.token({ ...value }).then((token) => withToken(token));
    expect(await claims({ sub: undefined })).toBe('200');
    expect(await claims({ sub: 'https://app.example', nbf: now + 60, iat: now + hour, more: true })).toBe('200');
    expect(await claims({ nbf: now + 61 })).toBe('403/109');
    expect(await claims({ nbf: 'now' })).toBe('403/109');
  });
});

describe('the parameters (RFC 8292 §3)', () => {
  it('come in any order, quoted or not, among others, under a scheme in either case', async () => {
    const { key } = signer;
    for (const fine of [
      `vapid t=${good},k=${key}`,
      `vapid k=${key}, t=${good}`,
      `VAPID T=${good} , K=${key}`,
      `Vapid  t="${good}", k="${key}"`,
      `vapid t = ${good}\t, k = ${key}`,
      `vapid realm="a, b", t=${good}, k=${key}, x=y`,
      `vapid ,, t=${good},, k=${key},`,
    ]) {
      expect(await signed(fine)).toBe('200');
    }
  });

  it('come once each', async () => {
    const { key } = signer;
    for (const wrong of [
      'vapid',
      `vapid ${good}`,
      `vapid t=${good}`,
      `vapid k=${key}`,
      `vapid t=${good}; k=${key}`,
      `vapid t=${good}, t=${good}, k=${key}`,
      `vapid t=${good}, k=${key}, K=${key}`,
      `vapid t=${good}, k="${key}`,
      `vapid t=${good}, k=${key} x`,
      `vapid t=${good}, k=${key}, ="`,
    ]) {
      expect(await signed(wrong)).toBe('403/109');
    }
  });

  it('are not looked at when they are too long', async () => {
    const long = await signer.token({ sub: `mailto:${'a'.repeat(2000)}@app.example` });
    expect(await withToken(long)).toBe('200');
    expect(await withToken(await signer.token({ sub: `mailto:${'a'.repeat(4000)}@app.example` }))).toBe('403/109');
  });

  it('never fail in another way, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('t', 'k', '=', ',', '"', ' ', '.', '\\', 'é', 'A') }),
        async (text) => {
          expect(await signed(`vapid ${text}`)).toBe('403/109');
        },
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (authorization, key) => {
        expect(await check({ authorization: [authorization], 'crypto-key': [key] }, { draft: true })).toMatch(
          /^40[13]\/109$/,
        );
      }),
    );
  });
});

describe('the form of the drafts (draft-ietf-webpush-vapid-01), with aesgcm only', () => {
  const cryptoKey = `dh=BDh; p256ecdsa=${signer.key}`;

  it('has its key in Crypto-Key', async () => {
    for (const scheme of ['WebPush', 'Bearer', 'webpush']) {
      for (const value of [
        cryptoKey,
        `p256ecdsa=${signer.key};dh=BDh`,
        `keyid=p256dh;dh=BDh,P256ECDSA="${signer.key}"`,
      ]) {
        const fields = { authorization: [`${scheme} ${good}`], 'crypto-key': [value] };
        expect(await check(fields, { draft: true })).toBe('200');
        expect(await check(fields, { draft: false })).toBe('401/109');
      }
    }
    const apart = { authorization: [`WebPush ${good}`], 'crypto-key': ['dh=BDh', `p256ecdsa=${signer.key}`] };
    expect(await check(apart, { draft: true })).toBe('200');
    expect(await withToken(good, { draft: true })).toBe('200');
  });

  it('is a 403 without that key, or with another', async () => {
    const other = createVapidSigner(audience);
    for (const value of [
      [],
      ['dh=BDh'],
      [`dh=BDh;p256ecdsa=${other.key}`],
      [`p256ecdsa=${other.key},p256ecdsa=${signer.key}`],
    ]) {
      expect(await check({ authorization: [`WebPush ${good}`], 'crypto-key': value }, { draft: true })).toBe('403/109');
    }
    const stale = await signer.token({ exp: now - hour });
    expect(await check({ authorization: [`WebPush ${stale}`], 'crypto-key': [cryptoKey] }, { draft: true })).toBe(
      '403/109',
    );
  });
});
