import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addresses, anyText, autocryptValues, channels, notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { formatEndpoint, type MailEndpoint, parseEndpoint } from './endpoint.js';

const channel = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';
const notify = `Email-Notify=v%3D1%3B%20c%3D${channel}`;
const autocrypt = 'Autocrypt=addr%3Dalice%40example.org%3B%20keydata%3DAb%2B%2F';
const endpoint: MailEndpoint = {
  address: 'alice@example.org',
  channel,
  autocrypt: 'addr=alice@example.org; keydata=Ab+/',
};

describe('an endpoint', () => {
  it('is written with Email-Notify before Autocrypt', () => {
    expect(formatEndpoint(endpoint)).toBe(`mailto:alice@example.org?${notify}&${autocrypt}`);
  });

  it('is read as it was written, within 1000 bytes and in URI characters', () => {
    const endpoints = fc.record({ address: addresses, channel: channels, autocrypt: autocryptValues });
    fc.assert(
      fc.property(endpoints, (any) => {
        let uri: string;
        try {
          uri = formatEndpoint(any);
        } catch {
          return fc.pre(false);
        }
        expect(uri).toMatch(
          /^mailto:[A-Za-z0-9._~%-]+@[a-z0-9.-]+\?Email-Notify=[A-Za-z0-9._~%-]+&Autocrypt=[A-Za-z0-9._~%-]+$/,
        );
        expect(uri.length).toBeLessThanOrEqual(1000);
        expect(parseEndpoint(uri)).toEqual(any);
        expect(decodeURIComponent(uri)).toContain(any.autocrypt);
      }),
    );
  });

  it('has + written as %2B and taken literally', () => {
    const tagged = { ...endpoint, address: 'alice+push@example.org' };
    const uri = formatEndpoint(tagged);
    expect(uri).not.toContain('+');
    expect(parseEndpoint(uri)).toEqual(tagged);
    expect(parseEndpoint(uri.replaceAll('%2B', '+'))).toEqual(tagged);
  });

  it.each([
    ['fields in the other order', `mailto:alice@example.org?${autocrypt}&${notify}`],
    ['the scheme in capitals', `MAILTO:alice@example.org?${notify}&${autocrypt}`],
    [
      'field names in other letters',
      `mailto:alice@example.org?EMAIL-NOTIFY${notify.slice(12)}&auto%63rypt${autocrypt.slice(9)}`,
    ],
    ['an escaped @ and small escapes', `mailto:alice%40example.org?${notify.replaceAll('%3D', '%3d')}&${autocrypt}`],
    [
      'characters that need no escape',
      `mailto:alice@example.org?${notify}&${autocrypt.replaceAll('%3B', ';').replaceAll('%40', '@')}`,
    ],
    ['unknown attributes of Email-Notify', `mailto:alice@example.org?${notify}%3B%20z%3D1&${autocrypt}`],
  ])('may have %s', (_, uri) => {
    expect(parseEndpoint(uri)).toEqual(endpoint);
  });

  it.each([
    ['', 'nothing'],
    ['https://example.org/', 'another scheme'],
    ['mailto:alice@example.org', 'no fields'],
    [`mailto:?${notify}&${autocrypt}`, 'no address'],
    [`mailto:?to=alice@example.org&${notify}&${autocrypt}`, 'its address in a field'],
    [`mailto:alice@example.org,bob@example.org?${notify}&${autocrypt}`, 'two addresses'],
    [`mailto:alice@example.org%2Cbob@example.org?${notify}&${autocrypt}`, 'two addresses, escaped'],
    [`mailto:Alice%20%3Calice@example.org%3E?${notify}&${autocrypt}`, 'a display name'],
    [`mailto:alice@example.org?${notify}`, 'no Autocrypt'],
    [`mailto:alice@example.org?${autocrypt}`, 'no Email-Notify'],
    [`mailto:alice@example.org?${notify}&${autocrypt}&subject=x`, 'another field'],
    [`mailto:alice@example.org?${notify}&${notify}&${autocrypt}`, 'a field twice'],
    [`mailto:alice@example.org?${notify}&${autocrypt}&`, 'an empty field'],
    [`mailto:alice@example.org?${notify}&Autocrypt=`, 'an empty Autocrypt'],
    [`mailto:alice@example.org?${notify}&${autocrypt}#x`, 'a fragment'],
    [`mailto:alice@example.org?${notify}&${autocrypt}?`, 'a second question mark'],
    [`mailto:alice@example.org?${notify}&${autocrypt} `, 'a space'],
    [`mailto:alice@example.org?${notify}&${autocrypt}\n`, 'a line break'],
    [`mailto:alice@example.org?${notify}&${autocrypt}%0D%0ABcc:%20bob`, 'an escaped line break'],
    [`mailto:alice@example.org?${notify}%00&${autocrypt}`, 'an escaped NUL'],
    [`mailto:alice@example.org?${notify}&${autocrypt}%C3%BC`, 'escaped eight-bit text'],
    [`mailto:alice@example.org?${notify}&${autocrypt}%`, 'an escape that ends early'],
    [`mailto:alice@example.org?${notify}&${autocrypt}%zz`, 'an escape that is none'],
    [`mailto:alice@example.org?${notify.replace('1', '2')}&${autocrypt}`, 'another version'],
    [`mailto:alice@example.org?${notify}x&${autocrypt}`, 'a channel of 28 characters'],
    [`mailto:alice@example.org?${notify}&${autocrypt}${'A'.repeat(1000)}`, 'over 1000 bytes'],
  ])('is refused as %j: %s', (uri) => {
    expect(notifyErrorOf(() => parseEndpoint(uri))?.code).toBe('ERR_ENDPOINT_INVALID');
  });

  it.each([
    { address: 'alice' },
    { address: 'alice@example.org\r\n' },
    { channel: 'x' },
    { autocrypt: '' },
    { autocrypt: 'addr=a@b;\r\n keydata=AAAA' },
    { autocrypt: `addr=a@b; keydata=${'A'.repeat(1000)}` },
  ])('is not written with %j', (change) => {
    expect(notifyErrorOf(() => formatEndpoint({ ...endpoint, ...change }))?.code).toBe('ERR_ENDPOINT_INVALID');
  });

  it('is named in no error message', () => {
    const error = notifyErrorOf(() => parseEndpoint(`mailto:alice@example.org?${notify}&${autocrypt}&subject=x`));
    expect(`${error?.message} ${error?.stack}`).not.toContain(channel);
  });

  it('has only its own error, whatever it is', () => {
    const piece = fc.oneof(anyText, fc.constantFrom('alice@example.org', '?', '&', '%', '=', notify, autocrypt));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const code = notifyErrorOf(() => parseEndpoint(`mailto:${pieces.join('')}`))?.code;
        expect(code ?? 'ERR_ENDPOINT_INVALID').toBe('ERR_ENDPOINT_INVALID');
      }),
      { numRuns: 500 },
    );
  });
});
