import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createVapidSigner, startGateway } from '../../../test/tools/gateway-fixture.js';
import { mutated } from '../../../test/tools/mutations.js';
import { formatEndpoint } from '../../notify-spec/index.js';

const words = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  'null',
  '1e999',
  '__proto__',
  '%2B',
  '%00',
  '\\u0000',
  '\\ud800',
  'mailto:',
  '@',
  '+',
  '\xff',
];
/** Higher than what is asked here, so that nothing is hidden behind a 429. */
const most = { points: 1_000_000, seconds: 60 };
const rates = {
  faults: most,
  client: most,
  domain: most,
  all: most,
  mailboxHour: most,
  mailboxDay: most,
  seals: most,
  pushes: most,
};

describe('a request that is nearly right', () => {
  it('is served or refused, and never a fault of the gateway (500)', { timeout: 120_000 }, async () => {
    const gateway = await startGateway({ rates });
    const signer = createVapidSigner();
    const [alice, signed] = [await gateway.register(), await gateway.register({ vapid: signer.key })];
    const revocable = await gateway.register();
    const { grant } = gateway.parts.sealer.sealGrant('alice@example.org');
    const endpoint = formatEndpoint(alice.mail);
    const json = (body: object): string => JSON.stringify(body);
    const v1 = [
      ['POST', '/v1/grants', json({ endpoint, nonce: randomBytes(16).toString('base64url') })],
      ['POST', '/v1/endpoints', json({ endpoint, vapid: signer.key })],
      ['DELETE', '/v1/endpoints', json({ endpoint: revocable.url })],
      [
        'POST',
        '/_matrix/push/v1/notify',
        json({ notification: { event_id: '$a', prio: 'high', devices: [{ app_id: 'a', pushkey: alice.url }] } }),
      ],
    ] as const;
    const authorization = `vapid t=${await signer.token()}, k=${signer.key}`;
    const isFieldText = (bytes: Uint8Array): boolean =>
      bytes.every((byte) => byte === 9 || (byte >= 32 && byte !== 127));
    const bodies = fc
      .constantFrom(...v1)
      .chain(([method, path, body]) =>
        mutated([body], words).map((bytes) => ({ method, path, bytes, field: undefined })),
      );
    const tokens = mutated(
      [authorization, `Bearer ${grant}`, `WebPush ${grant}`],
      [...words, 't=', 'k=', ' ', '\t', '.', '='],
    );
    const fields = tokens.filter(isFieldText).chain((token) =>
      fc.constantFrom('/v1/endpoints', signed.path).map((path) => ({
        method: 'POST',
        path,
        bytes: Buffer.from(json({ endpoint })),
        field: Buffer.from(token).toString('latin1'),
      })),
    );
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.oneof(bodies, fields), async ({ method, path, bytes, field }) => {
        const headers = [
          ['Content-Type', 'application/json'],
          ['TTL', '60'],
          ['Content-Encoding', field === undefined ? 'identity' : 'aesgcm'],
          ['Encryption', 'salt=a'],
          ['Crypto-Key', `dh=a;p256ecdsa=${signer.key}`],
          ['Authorization', field ?? `Bearer ${grant}`],
        ] as const;
        const { status } = await gateway.ask({ method, path, headers, body: bytes });
        seen.set(status, (seen.get(status) ?? 0) + 1);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
    // Not all of it is refused for the same.
    expect([...seen.keys()]).toEqual(expect.arrayContaining([400, 401]));
  });
});
