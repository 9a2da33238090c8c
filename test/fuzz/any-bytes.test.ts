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
  seal,
} from '../../src/crypto/index.js';
import { readRoutingHeader } from '../../src/imap/look.js';
import {
  NotifyError,
  parseEndpoint,
  parsePushHeader,
  parseRoutingHeader,
  readInner,
  readMail,
} from '../../src/notify-spec/index.js';
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
});
