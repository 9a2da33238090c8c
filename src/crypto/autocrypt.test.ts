import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CryptoError, chooseAutocrypt, formatAutocrypt, generateKey, parseAutocrypt, parsePublicKey } from './index.js';

const keydata = new Uint8Array([1, 2, 3, 250, 251, 252, 253]);
const base64 = 'AQID+vv8/Q==';

function codeOf(value: string): string {
  try {
    parseAutocrypt(value);
  } catch (error) {
    expect(error).toBeInstanceOf(CryptoError);
    return (error as CryptoError).code;
  }
  return 'none';
}

describe('an Autocrypt header', () => {
  it('is written with the address first and keydata last', () => {
    const address = 'alice@example.org';
    expect(formatAutocrypt({ address, keydata })).toBe(`addr=alice@example.org; keydata=${base64}`);
    expect(formatAutocrypt({ address, keydata, preferEncrypt: 'mutual' })).toBe(
      `addr=alice@example.org; prefer-encrypt=mutual; keydata=${base64}`,
    );
  });

  it('comes back the same, with any key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 7000 }), fc.boolean(), (data, mutual) => {
        const preferEncrypt = mutual ? { preferEncrypt: 'mutual' as const } : {};
        const value = formatAutocrypt({ address: 'alice@example.org', keydata: data, ...preferEncrypt });
        expect(parseAutocrypt(value)).toEqual({
          address: 'alice@example.org',
          preferEncrypt: mutual ? 'mutual' : 'nopreference',
          keydata: data,
        });
      }),
    );
  });

  it('carries a real key', async () => {
    const { publicKey } = await generateKey({ address: 'alice@example.org', now: Date.UTC(2025, 0, 15) });
    const value = formatAutocrypt({ address: 'alice@example.org', keydata: publicKey.keydata });
    expect((await parsePublicKey(parseAutocrypt(value).keydata)).fingerprint).toBe(publicKey.fingerprint);
    expect(value.length).toBeLessThan(600);
  });

  it('of Delta Chat is read, and its key, which has a packet more than five', async () => {
    const mail = readFileSync(new URL('../../fixtures/autocrypt/delta-chat-2.57.eml', import.meta.url), 'latin1');
    const [value = ''] = mail.match(/(?<=^Autocrypt:).*\r\n(?:[ \t].*\r\n)*/m) ?? [];
    const header = parseAutocrypt(value);
    expect(header).toMatchObject({ address: 'alice@example.org', preferEncrypt: 'mutual' });
    const key = await parsePublicKey(header.keydata);
    expect(key).toMatchObject({
      fingerprint: '5b8d000a89f288fb1677eb8032c564b260baf1ef',
      address: 'alice@example.org',
    });
  });

  it('is read with folding in its keydata and without spaces between attributes', () => {
    expect(parseAutocrypt('addr=alice@example.org;prefer-encrypt=mutual;keydata=AQID\r\n +vv8\r\n\t/Q==')).toEqual({
      address: 'alice@example.org',
      preferEncrypt: 'mutual',
      keydata,
    });
  });

  it('takes a prefer-encrypt that is not known for no preference', () => {
    const value = `addr=alice@example.org; prefer-encrypt=always; keydata=${base64}`;
    expect(parseAutocrypt(value).preferEncrypt).toBe('nopreference');
  });

  it('skips attributes that begin with an underscore', () => {
    expect(parseAutocrypt(`addr=alice@example.org; _extra=1; keydata=${base64}`).keydata).toEqual(keydata);
  });

  it.each([
    ['an unknown critical attribute', `addr=alice@example.org; type=1; keydata=${base64}`],
    ['keydata not last', `keydata=${base64}; addr=alice@example.org`],
    ['no address', `keydata=${base64}`],
    ['no keydata', 'addr=alice@example.org'],
    ['empty keydata', 'addr=alice@example.org; keydata='],
    ['keydata that is not base64', 'addr=alice@example.org; keydata=AQI*'],
    ['keydata that was cut', 'addr=alice@example.org; keydata=AQID+vv8/Q='],
    ['a repeated attribute', `addr=alice@example.org; addr=bob@example.org; keydata=${base64}`],
    ['something that is no address', `addr=Alice; keydata=${base64}`],
    ['an empty attribute', `addr=alice@example.org;; keydata=${base64}`],
    ['nothing', ''],
    ['over 10 KiB', `addr=alice@example.org; keydata=${'AAAA'.repeat(2560)}`],
  ])('is invalid with %s', (_, value) => {
    expect(codeOf(value)).toBe('ERR_AUTOCRYPT_INVALID');
  });

  it('gives only typed errors, whatever the text', () => {
    const piece = fc.tuple(fc.constantFrom('addr', 'keydata', 'prefer-encrypt', '_x', 'y', ''), fc.string());
    const list = fc.array(piece).map((pieces) => pieces.map(([name, value]) => `${name}=${value}`).join(';'));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), list), (value) => {
        expect(['none', 'ERR_AUTOCRYPT_INVALID']).toContain(codeOf(value));
      }),
    );
  });

  it('is not written for something that is no address, without a key, or over 10 KiB', () => {
    for (const header of [
      { address: 'alice', keydata },
      { address: 'alice@example.org; x=y', keydata },
      { address: 'alice@example.org', keydata: new Uint8Array() },
      { address: 'alice@example.org', keydata: new Uint8Array(8000) },
    ]) {
      expect(() => formatAutocrypt(header)).toThrow(CryptoError);
    }
  });
});

describe('choosing among Autocrypt headers', () => {
  const good = `addr=alice@example.org; keydata=${base64}`;

  it('takes the only valid one, whatever invalid ones are there', () => {
    expect(chooseAutocrypt([good])?.address).toBe('alice@example.org');
    expect(chooseAutocrypt(['nonsense', good, 'addr=x'])?.address).toBe('alice@example.org');
  });

  it('takes none when none or more than one is valid', () => {
    expect(chooseAutocrypt([])).toBeUndefined();
    expect(chooseAutocrypt(['nonsense'])).toBeUndefined();
    expect(chooseAutocrypt([good, good])).toBeUndefined();
    expect(chooseAutocrypt([good, ...Array.from({ length: 16 }, () => 'nonsense')])).toBeUndefined();
  });
});
