import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CryptoError,
  chooseAutocrypt,
  generateKey,
  open,
  parseAutocrypt,
  parsePrivateKey,
  parsePublicKey,
  rebuildCertificate,
  reduceCertificate,
  seal,
} from '../../src/crypto/index.js';
import { writeSealFields } from '../../src/gateway/seal-fields.js';
import { createSealedBox } from '../../src/gateway/sealed-box.js';
import { createSealer } from '../../src/gateway/sealer.js';
import { deriveSecret } from '../../src/gateway/secrets.js';
import { readRoutingHeader } from '../../src/imap/look.js';
import {
  NotifyError,
  parseEndpoint,
  parsePushHeader,
  parseRoutingHeader,
  readInner,
  readMail,
} from '../../src/notify-spec/index.js';
import { createRuntime } from '../../src/runtime.js';
import { mutated } from '../tools/mutations.js';

/** How many cases in all; `npm run fuzz` makes it 200 000. */
const cases = Number(process.env.MAILPUSH_FUZZ_CASES ?? 3000);
const share = (part: number): fc.Parameters<unknown> => ({
  numRuns: Math.ceil(cases * part),
  // By itself fast-check stops looking for a smaller example only when there is none.
  interruptAfterTimeLimit: 30 * 60_000,
});
const timeout = 40 * 60_000;

const fixture = (path: string): Buffer => readFileSync(new URL(`../../fixtures/${path}`, import.meta.url));
const mails = readdirSync(new URL('../../fixtures/mail', import.meta.url)).map((name) => fixture(`mail/${name}`));
const alice = await parsePrivateKey(fixture('push/alice.asc').toString());
const sender = await parsePrivateKey(fixture('push/sender.asc').toString());
const now = Date.UTC(2026, 0, 2, 8, 30);

const fieldWords = [
  '; ',
  '=',
  'v=1',
  'v=2',
  'c=',
  'i=',
  't=',
  ';;',
  '\r\n ',
  '\r\n',
  '\0',
  '\x80',
  '%0D',
  '%3B',
  '+',
  '&',
  '_x=1',
  'keydata=',
];
const mailWords = [
  '\r\n',
  '\n',
  '\r',
  '--',
  '--push',
  '\r\n--push--\r\n',
  ': ',
  '; boundary=',
  '"',
  'Content-Type: multipart/mixed; boundary=push\r\n\r\n',
  'Content-Type: message/rfc822\r\n\r\n',
  'Content-Transfer-Encoding: base64\r\n',
  'Content-Transfer-Encoding: quoted-printable\r\n',
  'charset=utf-16',
  '=?utf-8?b?',
  '?=',
  '=\r\n',
  '\0',
  '\xff',
  '-----BEGIN PGP MESSAGE-----\n',
  '-----END PGP MESSAGE-----\n',
  ' '.repeat(100),
];

const header = 'v=1; c=CbUrOA3Zq8xN0yF2mW7tKpJvR1E; i=f3; t=1767342600; ttl=60; u=high; topic=a; enc=aes128gcm; next=';
const headers = [
  header,
  `${header}${'0'.repeat(40)}`,
  `Email-Notify: ${header}\r\n\r\n`,
  fixture('push/endpoint.txt').toString().trim(),
];
const autocrypt = `addr=push@app.example; prefer-encrypt=mutual; keydata=${Buffer.from(sender.publicKey.keydata).toString('base64')}`;
const inner = fixture('push/handshake.eml');

/** Fails with everything but an error of these types. */
async function onlyRefuses(act: () => unknown, types: readonly (new (...args: never[]) => Error)[]): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!types.some((type) => error instanceof type)) throw error;
    expect((error as Error & { code: string }).code).toMatch(/^ERR_/);
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const anyBytes = fc.uint8Array({ maxLength: 2000 });

describe('any bytes, and whatever is nearly right', () => {
  it('as a header are read or refused by a typed error', { timeout }, async () => {
    const values = fc.oneof(mutated([...headers, autocrypt], fieldWords), anyBytes);
    await fc.assert(
      fc.asyncProperty(values, async (bytes) => {
        const value = text(bytes);
        expect([undefined, expect.any(String)]).toContainEqual(readRoutingHeader(bytes));
        for (const parse of [parseRoutingHeader, parsePushHeader, parseEndpoint, parseAutocrypt]) {
          await onlyRefuses(() => parse(value), [NotifyError, CryptoError]);
        }
        chooseAutocrypt([value, value.slice(1)]);
      }),
      share(0.5),
    );
  });

  it('as a MIME tree are read or refused by a typed error, and always come to an end', { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ arbitrary: mutated(mails, mailWords), weight: 4 }, { arbitrary: anyBytes, weight: 1 }),
        async (bytes) => {
          await onlyRefuses(() => readMail(bytes), [NotifyError]);
        },
      ),
      share(0.25),
    );
  });

  it('as an armored block are opened or refused by a typed error', { timeout }, async () => {
    const armored = await seal(inner, { recipient: alice.publicKey, signer: sender, now });
    const lines = ['\n', '\r\n', '=', '-----BEGIN PGP MESSAGE-----\n', 'Version: x\n', '\n\n', 'AAAA', '\xff'];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ arbitrary: mutated([armored], lines), weight: 6 }, { arbitrary: anyBytes, weight: 1 }),
        async (bytes) => {
          await onlyRefuses(() => open(text(bytes), { key: alice, signers: [sender.publicKey], now }), [CryptoError]);
        },
      ),
      share(0.1),
    );
  });

  it('inside a good encryption are read or refused by a typed error', { timeout }, async () => {
    const entity = Buffer.from(
      `Content-Type: application/octet-stream; hp="cipher"\r\nContent-Transfer-Encoding: binary\r\nFrom: push@app.example\r\nTo: alice@example.org\r\nDate: Fri, 02 Jan 2026 08:30:00 +0000\r\nMessage-ID: <a@app.example>\r\nEmail-Notify: ${header}${'0'.repeat(40)}\r\n\r\nHello`,
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated([entity], [...fieldWords, ...mailWords]), anyBytes), async (bytes) => {
        await onlyRefuses(() => readInner(bytes), [NotifyError]);
      }),
      share(0.1),
    );
  });

  it('as a key are taken or refused by a typed error', { timeout }, async () => {
    const bob = await generateKey({ address: 'bob@example.org', now });
    const keys = mutated(
      [bob.publicKey.keydata, sender.publicKey.keydata],
      ['\xc6\x33\x04', '\x99\x01\x0d\x04', '\xb4', '\0\0'],
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof({ arbitrary: keys, weight: 4 }, { arbitrary: anyBytes, weight: 1 }), async (bytes) => {
        await onlyRefuses(() => parsePublicKey(bytes), [CryptoError]);
      }),
      share(0.05),
    );
  });

  it('as a certificate are taken apart and made again the same, or refused', { timeout }, async () => {
    const certificates = ['template-1', 'template-1-short-r', 'template-1-short-s'];
    const keys = mutated(
      certificates.map((name) => fixture(`certificate/${name}.pgp`)),
      ['\xc6\x33\x04', '\xc2\x8d\x04\x13', '\xcd', '\xff\x80\0\0', '\x01\0', '\0\0', '\xbf'],
    );
    const addresses = fc.constantFrom('alice@example.org', 'bob+push@example.org');
    await fc.assert(
      fc.property(fc.oneof({ arbitrary: keys, weight: 4 }, anyBytes), addresses, (bytes, address) => {
        const reduced = reduceCertificate(bytes, address);
        if (reduced !== undefined) expect(rebuildCertificate(reduced, address)).toEqual(bytes);
      }),
      share(0.2),
    );
  });

  it('as a seal or a grant are not opened, and what is under the secret is opened or not, without an error', {
    timeout,
  }, async () => {
    const frozen = JSON.parse(fixture('gateway/seal-1.json').toString()) as Record<
      'secret' | 'sender' | 'sealed' | 'grant',
      string
    >;
    const secret = Buffer.from(frozen.secret, 'base64');
    const { sender: fingerprint } = frozen;
    const publicUrl = 'https://push.example.org';
    const sealer = createSealer({ secrets: [secret], sender: fingerprint, publicUrl, runtime: createRuntime() });
    const given = [frozen.sealed, frozen.grant];
    const texts = fc.oneof(
      { arbitrary: mutated(given, ['=', '-', '_', '+', '/', '%', '\n', '\0']), weight: 4 },
      anyBytes,
    );
    await fc.assert(
      fc.property(texts, (bytes) => {
        const any = text(bytes);
        if (any !== frozen.sealed) expect(sealer.openEndpoint(any)).toBeUndefined();
        if (any !== frozen.grant) expect(sealer.openGrant(any)).toBeUndefined();
      }),
      share(0.3),
    );

    const { id, sealKey, grantKey } = deriveSecret(secret);
    const [seals, grants] = [sealKey, grantKey].map((key) =>
      createSealedBox({
        version: 1,
        key: { id, key },
        olderKeys: [],
        associated: Buffer.from(fingerprint, 'hex'),
        randomBytes: createRuntime().randomBytes,
      }),
    );
    const certificate = reduceCertificate(fixture('certificate/template-1.pgp'), 'alice@example.org');
    if (certificate === undefined) throw new TypeError('The fixture fits no template any more.');
    const fields = {
      certificate,
      expires: 1,
      channel: new Uint8Array(20),
      vapid: undefined,
      address: 'alice@example.org',
    };
    const contents = mutated([writeSealFields(fields)], ['\x02', '\x03', '\xff', '@', '\r\n']).filter(
      ({ length }) => length < 340,
    );
    await fc.assert(
      fc.property(contents, (content) => {
        const endpoint = sealer.openEndpoint(seals?.close(content) ?? '')?.endpoint;
        if (endpoint !== undefined) expect(parseAutocrypt(endpoint.autocrypt).address).toBe(endpoint.address);
        expect([undefined, expect.any(String)]).toContainEqual(sealer.openGrant(grants?.close(content) ?? '')?.address);
      }),
      share(0.2),
    );
  });
});
