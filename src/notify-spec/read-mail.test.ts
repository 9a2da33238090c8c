import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/tools/notify-arbitraries.js';
import { NotifyError } from './errors.js';
import { type PushMail, readMail } from './read-mail.js';

const folder = new URL('../../fixtures/mail/', import.meta.url);
const names = readdirSync(folder).map((name) => name.replace('.eml', ''));
const refused = names.filter((name) => name.startsWith('refused-'));
const readable = names.filter((name) => !name.startsWith('refused-'));

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.eml`, folder));
}

async function codeOf(raw: Uint8Array | string): Promise<string | undefined> {
  try {
    await readMail(typeof raw === 'string' ? Buffer.from(raw, 'latin1') : raw);
    return undefined;
  } catch (error) {
    if (error instanceof NotifyError) return error.code;
    throw error;
  }
}

const plain = await readMail(fixture('plain'));

/** What is different from the plain mail; everything else is the same in all of them. */
const differences: Readonly<Record<string, Partial<PushMail>>> = {
  'armor-headers-added': {
    armored: plain.armored.replace('-----\n\n', '-----\nVersion: Gate 1.0\nComment: scanned\n\n'),
  },
  'autocrypt-in-a-part-only': { autocrypt: [] },
  'from-rewritten-by-a-list': { from: ['list@lists.example.net'] },
  'multipart-report': { report: true },
  'two-addresses-in-from': { from: ['push@app.example', 'eve@example.net'] },
  'two-autocrypt-headers': { autocrypt: [...plain.autocrypt, ...plain.autocrypt] },
  'two-from-headers': { from: ['eve@example.net', 'push@app.example'] },
};

describe('readMail', () => {
  it('reads a plain push mail', () => {
    expect(plain.armored).toMatch(/^-----BEGIN PGP MESSAGE-----\n\n[A-Za-z0-9+/=\n]+\n-----END PGP MESSAGE-----\n$/);
    expect(plain.autocrypt).toHaveLength(1);
    expect(plain.autocrypt[0]).toMatch(/^addr=push@app\.example; prefer-encrypt=mutual; keydata=[A-Za-z0-9+/= ]+$/);
    expect(plain.from).toEqual(['push@app.example']);
    expect(plain.report).toBe(false);
  });

  it.each(readable)('finds the armored message in %s', async (name) => {
    expect(await readMail(fixture(name))).toEqual({ ...plain, ...differences[name] });
  });

  it.each(readable)('finds the armored message in %s after CRLF became LF', async (name) => {
    const lf = Buffer.from(fixture(name)).toString('latin1').replaceAll('\r\n', '\n');
    expect(await readMail(Buffer.from(lf, 'latin1'))).toEqual({ ...plain, ...differences[name] });
  });

  it.each(refused)('finds no single armored message in %s', async (name) => {
    const expected = name.includes('two-') || name.includes('in-text-and') ? 'SEVERAL_MESSAGES' : 'NO_MESSAGE';
    expect(await codeOf(fixture(name))).toBe(`ERR_NOTIFY_${expected}`);
  });

  it('throws only typed errors on a mail with some of its bytes changed, or cut off', async () => {
    const names = [
      'plain',
      'multipart-mixed-instead-of-encrypted',
      'wrapped-as-message-rfc822',
      'quoted-printable-part',
    ];
    const bytes = names.map(fixture);
    const change = fc.tuple(fc.nat(3000), fc.constantFrom(...'\r\n -;:="<>\0\xff'));
    const changes = fc.array(change, { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bytes), changes, fc.nat(3000), async (mail, list, cut) => {
        const copy = Buffer.from(mail);
        for (const [at, char] of list) copy.writeUInt8(char.charCodeAt(0), at % copy.length);
        await codeOf(copy);
        await codeOf(copy.subarray(0, cut));
      }),
      { numRuns: 60 },
    );
  });

  it('throws only typed errors on any bytes', async () => {
    const line = fc.oneof(
      anyText,
      fc.constantFrom('Content-Type: multipart/mixed; boundary=b', 'Content-Type: message/rfc822', '--b', '--b--', ''),
      fc.constantFrom('From: =?x?B?AA?= <', 'Content-Type: text/plain; charset=x', 'Content-Transfer-Encoding: base64'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 15 }), async (lines) => {
        expect(await codeOf(lines.join('\r\n'))).toMatch(/^ERR_NOTIFY_/);
      }),
      { numRuns: 60 },
    );
  });
});

describe('readMail refuses what is out of bounds:', () => {
  const begin = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
  const nested = (depth: number, type: (level: number) => string) =>
    Array.from({ length: depth }, (_, level) => type(level)).join('');
  const multipart = (level: number) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`;
  const wrapped = () => 'Content-Type: message/rfc822\r\n\r\n';

  it.each([
    ['a mail of over 64 KiB', Buffer.concat([fixture('plain'), Buffer.alloc(65_536, 10)])],
    ['a header of 200 kB', `X: ${'a'.repeat(200_000)}\r\n\r\n`],
    ['a header of 200 kB in short lines', `${'X: a\r\n'.repeat(33_334)}\r\n`],
    ['a header of 33 kB', `X: ${'a'.repeat(33_000)}\r\n\r\n`],
    ['a part with a header of 33 kB', `${begin}--b\r\nX: ${'a'.repeat(33_000)}\r\n\r\n--b--\r\n`],
    ['2000 parts', `${begin}${'--b\r\n\r\nx\r\n'.repeat(2000)}--b--\r\n`],
    ['33 parts', `${begin}${'--b\r\n\r\nx\r\n'.repeat(33)}--b--\r\n`],
    ['parts nested 200 deep', `${nested(200, multipart)}\r\nx`],
    ['mails wrapped in mails 200 deep', `${nested(200, wrapped)}\r\nx`],
    ['mails wrapped in mails 5 deep', `${nested(5, wrapped)}\r\nx`],
  ])('%s', async (_, raw) => {
    expect(await codeOf(raw)).toBe('ERR_NOTIFY_MAIL_BOUNDS');
  });

  it('but reads 31 parts in a mail, nested 31 deep, and mails wrapped 4 deep', async () => {
    expect(await codeOf(`${begin}${'--b\r\n\r\nx\r\n'.repeat(31)}--b--\r\n`)).toBe('ERR_NOTIFY_NO_MESSAGE');
    const inner = Buffer.from(fixture('plain')).toString('latin1');
    expect(await codeOf(`${nested(28, multipart)}${inner}`)).toBeUndefined();
    expect(await codeOf(`${nested(4, wrapped)}${inner}`)).toBeUndefined();
  });

  // Each of these took mailparser or one of its parts half a minute, or for ever.
  it.each([
    ['blanks in quoted-printable', `Content-Transfer-Encoding: quoted-printable\r\n\r\n${' '.repeat(60_000)}x`],
    [
      'blanks and tabs in quoted-printable',
      `Content-Transfer-Encoding: quoted-printable\r\n\r\n${' \t'.repeat(30_000)}x`,
    ],
    ['carriage returns in a header', `${begin}--b\r\n${'\r\r\n'.repeat(9_000)}x`],
    ['an empty mail wrapped in a mail', `${begin}--b\r\nContent-Type: message/rfc822\r\n\r\n--b--\r\n`],
  ])('and comes to an end with %s', async (_, raw) => {
    expect(await codeOf(raw)).toBe('ERR_NOTIFY_NO_MESSAGE');
  });
});
