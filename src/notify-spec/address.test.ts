import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addresses, anyText, notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { canonicalAddress, isAddress } from './address.js';

describe('isAddress', () => {
  it.each(['alice@example.org', 'a@b', "o'brien+push=x/y@mail.example.org", 'Alice.B@EXAMPLE.org', 'a@1.example'])(
    'takes %s',
    (text) => expect(isAddress(text)).toBe(true),
  );

  it.each([
    '',
    '@',
    'alice',
    '@example.org',
    'alice@',
    'alice@example.org.',
    'alice@.example.org',
    'alice@-example.org',
    'alice@exa_mple.org',
    'alice@[192.0.2.1]',
    '.alice@example.org',
    'alice..b@example.org',
    '"alice"@example.org',
    'alice bob@example.org',
    'alice@bob@example.org',
    'Alice <alice@example.org>',
    'alice@example.org,bob@example.org',
    'alice@example.org\r\nBcc: bob@example.org',
    'alice@example.org\n',
    ' alice@example.org',
    'ålice@example.org',
    'alice@bücher.example',
    `${'a'.repeat(65)}@example.org`,
    `alice@${'a'.repeat(64)}.example`,
    `alice@${'a.'.repeat(130)}org`,
  ])('refuses %j', (text) => expect(isAddress(text)).toBe(false));
});

describe('canonicalAddress', () => {
  it('puts local part and domain in lower case', () => {
    expect(canonicalAddress('Alice.B+Push@EXAMPLE.org')).toBe('alice.b+push@example.org');
  });

  it('writes an international domain in ASCII', () => {
    expect(canonicalAddress('Alice@BÜCHER.example')).toBe('alice@xn--bcher-kva.example');
  });

  it('does not read an ASCII domain as anything but a name', () => {
    expect(canonicalAddress('alice@127.1')).toBe('alice@127.1');
    expect(notifyErrorOf(() => canonicalAddress('alice@%41.example'))?.code).toBe('ERR_ADDRESS_INVALID');
  });

  it('refuses a letter that only its lower case makes ASCII', () => {
    expect(notifyErrorOf(() => canonicalAddress('\u212a@example.org'))?.code).toBe('ERR_ADDRESS_INVALID');
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(addresses, (address) => {
        const canonical = canonicalAddress(address);
        expect(canonicalAddress(canonical)).toBe(canonical);
      }),
    );
  });

  it('throws only its own error on any text', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.emailAddress()), (text) => {
        expect(notifyErrorOf(() => canonicalAddress(text))?.code ?? 'ERR_ADDRESS_INVALID').toBe('ERR_ADDRESS_INVALID');
      }),
    );
  });
});
