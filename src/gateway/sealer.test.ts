import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { describe, expect, it } from 'vitest';
import { bindSubkey } from '../../test/tools/bound-certificate.js';
import { addresses, channels } from '../../test/tools/notify-arbitraries.js';
import { formatAutocrypt, generateKey, parseAutocrypt } from '../crypto/index.js';
import { formatChannel, type MailEndpoint } from '../notify-spec/index.js';
import { createRuntime } from '../runtime.js';
import { GatewayError } from './gateway-error.js';
import type { Sealer } from './parts.js';
import { createSealer, type SealerOptions } from './sealer.js';
import { GatewaySetupError } from './setup-error.js';
import { longestAddress } from './url-room.js';

const now = Date.UTC(2026, 10, 21, 12);
const expires = Date.UTC(2027, 1, 19, 12) / 1000;
const publicUrl = 'https://push.example.org';
const sender = '0123456789abcdef0123456789abcdef01234567';
const secret = new Uint8Array(randomBytes(32));
const address = 'alice@example.org';

function sealerWith(options: Partial<SealerOptions> = {}): Sealer {
  const runtime = { ...createRuntime(), now: () => now };
  return createSealer({ secrets: [secret], sender, publicUrl, runtime, ...options });
}

async function endpointOf(of: string): Promise<MailEndpoint> {
  const { publicKey } = await generateKey({ address: of, now });
  const autocrypt = formatAutocrypt({ address: of, keydata: publicKey.keydata });
  return { address: of, channel: formatChannel(randomBytes(20)), autocrypt };
}

const boundTo = (subkey: Uint8Array, of: string = address): string =>
  formatAutocrypt({ address: of, keydata: bindSubkey(of, subkey, Math.floor(now / 86_400_000)) });
const x25519Point = (): Uint8Array =>
  Buffer.from(generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');

/** A plain address of 7 to 88 bytes. */
function addressOf(size: number): string {
  const host = Math.max(1, Math.min(size - 6, 19));
  return `${'a'.repeat(size - host - 5)}@${'b'.repeat(host)}.org`;
}

function vapidKey(): string {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  return pair.getPublicKey('base64url');
}

/** The code of the GatewayError that it rejects with. */
async function codeOf(sealing: Promise<unknown>): Promise<string> {
  const error = await sealing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GatewayError);
  expect((error as GatewayError).message).not.toContain('alice');
  return (error as GatewayError).code;
}

const sealedOf = ({ url }: { url: string }): string => url.slice(`${publicUrl}/p/`.length);
const flipped = (text: string, at: number, bit: number): string => {
  const bytes = Buffer.from(text, 'base64url');
  bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << bit), at);
  return bytes.toString('base64url');
};
const endpoint = await endpointOf(address);
const vapid = vapidKey();
const sealed = sealedOf(await sealerWith().sealEndpoint(endpoint, vapid));
const { grant } = sealerWith().sealGrant(address);
const frozen = JSON.parse(readFileSync(new URL('../../fixtures/gateway/seal-1.json', import.meta.url), 'utf8'));

describe('a sealed endpoint', () => {
  it('opens to what was sealed, with a VAPID key and without', async () => {
    const sealer = sealerWith();
    for (const key of [vapid, undefined]) {
      const sealing = await sealer.sealEndpoint(endpoint, key);
      expect(sealing.expires).toBe(expires);
      const id = expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) as string;
      expect(sealer.openEndpoint(sealedOf(sealing))).toEqual({ endpoint, vapid: key, expires, id });
    }
  });

  it('opens to what was sealed for any address, channel and key', async () => {
    const sealer = sealerWith();
    const short = addresses.filter((any) => any.length <= 80 && /\.[a-z]{2,}$/.test(any));
    const key = fc.constantFrom(undefined, ...Array.from({ length: 16 }, vapidKey));
    await fc.assert(
      fc.asyncProperty(short, fc.uint8Array({ minLength: 20, maxLength: 20 }), key, async (any, channel, named) => {
        const given = { ...(await endpointOf(any)), channel: formatChannel(channel) };
        const opened = sealer.openEndpoint(sealedOf(await sealer.sealEndpoint(given, named)));
        expect(opened).toMatchObject({ endpoint: given, vapid: named, expires });
      }),
    );
  });

  it('is another text each time, and has another id', async () => {
    const sealer = sealerWith();
    const again = sealedOf(await sealer.sealEndpoint(endpoint, vapid));
    expect(again).not.toBe(sealed);
    expect(sealer.openEndpoint(again)?.id).not.toBe(sealer.openEndpoint(sealed)?.id);
    expect(sealer.openEndpoint(sealed)?.id).toBe(sealer.openEndpoint(sealed)?.id);
  });

  it('is opened after it has expired: its reader judges', () => {
    const later = sealerWith({ runtime: { ...createRuntime(), now: () => now + 365 * 86_400_000 } });
    expect(later.openEndpoint(sealed)?.expires).toBe(expires);
  });

  it('may be of a key that was made by another program in the same form', async () => {
    const bound = { ...endpoint, autocrypt: boundTo(x25519Point()) };
    const sealing = await sealerWith().sealEndpoint(bound, undefined);
    expect(sealerWith().openEndpoint(sealedOf(sealing))?.endpoint).toEqual(bound);
  });

  it('may be of a device whose clock is a day ahead', async () => {
    const { publicKey } = await generateKey({ address, now: now + 86_400_000 });
    const autocrypt = formatAutocrypt({ address, keydata: publicKey.keydata });
    await expect(sealerWith().sealEndpoint({ ...endpoint, autocrypt }, undefined)).resolves.toMatchObject({ expires });
  });

  it('drops what else the Autocrypt value says', async () => {
    const keydata = Buffer.from(parseAutocrypt(endpoint.autocrypt).keydata).toString('base64');
    const autocrypt = `addr=${address}; prefer-encrypt=mutual; _note=x; keydata=${keydata}`;
    const sealing = await sealerWith().sealEndpoint({ ...endpoint, autocrypt }, undefined);
    expect(sealerWith().openEndpoint(sealedOf(sealing))?.endpoint).toEqual(endpoint);
  });

  it('that was made when its version was new opens for ever: if not, every endpoint of every user is lost', () => {
    const sealer = sealerWith({ secrets: [Buffer.from(frozen.secret, 'base64')], sender: frozen.sender });
    expect(sealer.openEndpoint(frozen.sealed)).toEqual(frozen.endpoint);
    expect(sealer.openEndpoint(frozen.sealedWithoutVapid)).toEqual(frozen.endpointWithoutVapid);
    expect(sealer.openGrant(frozen.grant)).toEqual(frozen.granted);
  });
});

describe('a URL of a gateway with a name of 24 bytes', () => {
  it('is at most 512 bytes for addresses of up to 80 bytes, with a VAPID key and without', async () => {
    const sealer = sealerWith();
    const lengths = new Map<number, number[]>();
    for (let size = 7; size <= 80; size += 1) {
      const of = await endpointOf(addressOf(size));
      const urls = [await sealer.sealEndpoint(of, vapid), await sealer.sealEndpoint(of, undefined)];
      const measured = urls.map(({ url }) => Buffer.byteLength(url));
      for (const length of measured) expect(length, `${size}`).toBeLessThanOrEqual(512);
      lengths.set(size, measured);
    }
    // The table in docs/gateway.md.
    expect([20, 40, 60, 80].map((size) => lengths.get(size))).toEqual([
      [431, 389],
      [458, 415],
      [485, 442],
      [511, 469],
    ]);
  });

  it('is refused for an address that makes it longer', async () => {
    const long = await endpointOf(addressOf(81));
    expect(await codeOf(sealerWith().sealEndpoint(long, vapid))).toBe('ERR_GATEWAY_UNSEALABLE');
    // Without a VAPID key there are 32 bytes more.
    const { url } = await sealerWith().sealEndpoint(long, undefined);
    expect(url.length).toBeLessThanOrEqual(512);
  });

  it.each([
    ['https://p.example', 86],
    [publicUrl, 80],
    ['https://notifications.push.example.org', 70],
  ])('of another length leaves the room that is told at the start: %s', async (url, size) => {
    expect(longestAddress(url)).toBe(size);
    const sealer = sealerWith({ publicUrl: url });
    const fits = await sealer.sealEndpoint(await endpointOf(addressOf(size)), vapid);
    expect(Buffer.byteLength(fits.url)).toBeLessThanOrEqual(512);
    const over = await endpointOf(addressOf(size + 1));
    expect(await codeOf(sealer.sealEndpoint(over, vapid))).toBe('ERR_GATEWAY_UNSEALABLE');
  });

  it('has to leave 64 bytes for an address', () => {
    const name = (size: number): string => `https://${'p'.repeat(size - 12)}.org`;
    expect(longestAddress(name(46))).toBe(64);
    expect(() => longestAddress(name(47))).toThrow(GatewaySetupError);
    expect(() => sealerWith({ publicUrl: name(47) })).toThrow(/use a shorter name/);
    expect(() => sealerWith({ publicUrl: `https://${'p'.repeat(1000)}` })).toThrow(/leaves 0 bytes/);
  });
});

describe('what is not sealed', () => {
  it.each([
    [
      'a key of another address',
      async () => ({ ...endpoint, autocrypt: (await endpointOf('bob@example.org')).autocrypt }),
    ],
    [
      'a key of another address under the name of this one',
      async () => ({
        ...endpoint,
        autocrypt: (await endpointOf('bob@example.org')).autocrypt.replace('bob@', 'alice@'),
      }),
    ],
    ['a key of the address in other letters', async () => ({ ...(await endpointOf('Alice@example.org')), address })],
    ['another address in the Autocrypt value', async () => ({ ...endpoint, address: 'Alice@example.org' })],
    ['an Autocrypt value that is none', async () => ({ ...endpoint, autocrypt: 'keydata=AAAA' })],
    ['a key that is none', async () => ({ ...endpoint, autocrypt: `addr=${address}; keydata=AAAA` })],
    ['a channel with stray bits at its end', async () => ({ ...endpoint, channel: `${'A'.repeat(26)}B` })],
    ['a channel that is none', async () => ({ ...endpoint, channel: 'A'.repeat(28) })],
    [
      'a key from the future',
      async () => {
        const { publicKey } = await generateKey({ address, now: now + 2 * 86_400_000 });
        return { ...endpoint, autocrypt: formatAutocrypt({ address, keydata: publicKey.keydata }) };
      },
    ],
    // Each push to it would fail, and look like a fault of the gateway.
    ['a key with a point of small order', async () => ({ ...endpoint, autocrypt: boundTo(new Uint8Array(32)) })],
    // As a mail endpoint it is over 1000 bytes once it is written anew, and each push to it would be a fault.
    [
      'an address of signs that are escaped in a mail endpoint',
      async () => {
        const signs = `${'!'.repeat(60)}@example.org`;
        return { ...endpoint, address: signs, autocrypt: boundTo(x25519Point(), signs) };
      },
    ],
    [
      'a key of another form',
      async () => {
        const { publicKey } = await openpgp.generateKey({ userIDs: [{ email: address }], format: 'object' });
        return { ...endpoint, autocrypt: formatAutocrypt({ address, keydata: publicKey.write() }) };
      },
    ],
  ])('%s', async (_, make) => {
    expect(await codeOf(sealerWith().sealEndpoint(await make(), vapid))).toBe('ERR_GATEWAY_UNSEALABLE');
  });

  it('a certificate with any byte changed, the signatures and the keys among them', async () => {
    const sealer = sealerWith();
    const { keydata } = parseAutocrypt(endpoint.autocrypt);
    for (let at = 0; at < keydata.length; at += 1) {
      const changed = keydata.map((byte, index) => (index === at ? byte ^ 0x10 : byte));
      const autocrypt = formatAutocrypt({ address, keydata: changed });
      expect(await codeOf(sealer.sealEndpoint({ ...endpoint, autocrypt }, undefined)), `byte ${at}`).toBe(
        'ERR_GATEWAY_UNSEALABLE',
      );
    }
  });

  it.each([
    ['of another length', vapid.slice(1)],
    ['with padding', `${vapid}=`],
    ['in base64 of the other alphabet', `${vapid.slice(0, 40)}+/${vapid.slice(42)}`],
    ['with stray bits at its end', `${vapid.slice(0, -1)}${vapid.endsWith('B') ? 'C' : 'B'}`],
    ['that is compressed', 'A'.repeat(44)],
    ['that is not on the curve', Buffer.concat([Uint8Array.of(4), new Uint8Array(64).fill(7)]).toString('base64url')],
    ['in hybrid form', Buffer.concat([Uint8Array.of(6), new Uint8Array(64).fill(7)]).toString('base64url')],
    ['that is empty', ''],
  ])('a VAPID key %s', async (_, key) => {
    expect(await codeOf(sealerWith().sealEndpoint(endpoint, key))).toBe('ERR_GATEWAY_REQUEST');
  });
});

describe('a grant', () => {
  it('opens to its address, as it was written', () => {
    const sealer = sealerWith();
    fc.assert(
      fc.property(addresses, (any) => {
        const given = sealer.sealGrant(any);
        expect(given.expires).toBe(expires);
        expect(sealer.openGrant(given.grant)).toEqual({ address: any, expires });
      }),
    );
  });

  it('is at most 200 characters for an address of 80 bytes', () => {
    expect(sealerWith().sealGrant(addressOf(80)).grant.length).toBe(154);
  });

  it('is not made for what is no address', () => {
    for (const any of ['', 'alice', 'Alice <alice@example.org>', 'alice@example.org\n', 'älice@example.org']) {
      expect(() => sealerWith().sealGrant(any)).toThrow(GatewayError);
    }
  });
});

describe.each([
  ['a seal', sealed, (sealer: Sealer, text: string) => sealer.openEndpoint(text)],
  ['a grant', grant, (sealer: Sealer, text: string) => sealer.openGrant(text)],
])('%s that is not the one that was given away', (_, text, open) => {
  const size = Buffer.from(text, 'base64url').length;

  it('is refused under another secret, or another key of the gateway', () => {
    expect(open(sealerWith(), text)).toBeDefined();
    expect(open(sealerWith({ secrets: [randomBytes(32)] }), text)).toBeUndefined();
    expect(open(sealerWith({ sender: sender.replace('0', '1') }), text)).toBeUndefined();
  });

  it('opens while its secret is in the list, wherever it stands there', async () => {
    const newer = new Uint8Array(randomBytes(32));
    const rotated = sealerWith({ secrets: [newer, new Uint8Array(randomBytes(32)), secret] });
    expect(open(rotated, text)).toEqual(open(sealerWith(), text));
    const later = [sealedOf(await rotated.sealEndpoint(endpoint, vapid)), rotated.sealGrant(address).grant];
    for (const [index, opened] of [
      (s: Sealer) => s.openEndpoint(later[0] ?? ''),
      (s: Sealer) => s.openGrant(later[1] ?? ''),
    ].entries()) {
      expect(opened(sealerWith()), `${index}`).toBeUndefined();
      expect(opened(sealerWith({ secrets: [newer] })), `${index}`).toBeDefined();
    }
  });

  it('is refused with any bit changed', () => {
    const sealer = sealerWith();
    for (let at = 0; at < size; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) expect(open(sealer, flipped(text, at, bit))).toBeUndefined();
    }
  });

  it('is refused cut short, and with anything behind it', () => {
    const sealer = sealerWith();
    for (let length = 0; length < text.length; length += 1) {
      expect(open(sealer, text.slice(0, length))).toBeUndefined();
      expect(open(sealer, text.slice(length + 1))).toBeUndefined();
    }
    for (const more of ['A', 'AAAA', '=', '==', ' ', '\n', '/', '?x', text]) {
      expect(open(sealer, text + more)).toBeUndefined();
    }
  });

  it('has one spelling only', () => {
    const sealer = sealerWith();
    // Where the last character has bits to spare, its neighbours decode to the same bytes.
    const neighbours = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
    const same = neighbours.filter((last) => open(sealer, text.slice(0, -1) + last) !== undefined);
    expect(same).toEqual([text.slice(-1)]);
    for (const other of [Buffer.from(text, 'base64url').toString('base64'), ` ${text}`, `${text}\n`, `%41${text}`]) {
      if (other !== text) expect(open(sealer, other)).toBeUndefined();
    }
  });

  it('is refused for any other text, without an error', () => {
    const sealer = sealerWith();
    const header = Buffer.from(text, 'base64url').subarray(0, 15);
    const bytes = fc.uint8Array({ maxLength: 400 });
    const texts = fc.oneof(
      fc.string(),
      channels,
      bytes.map((any) => Buffer.from(any).toString('base64url')),
      bytes.map((any) => Buffer.concat([header, any]).toString('base64url')),
    );
    fc.assert(
      fc.property(texts, (any) => {
        expect(open(sealer, any)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
    for (const any of ['', 'A'.repeat(512), 'A'.repeat(513), 'A'.repeat(1_000_000), undefined, null, 7, {}, [text]]) {
      expect(open(sealer, any as string)).toBeUndefined();
    }
  });
});

it('a grant is no seal, and a seal no grant', () => {
  expect(sealerWith().openEndpoint(grant)).toBeUndefined();
  expect(sealerWith().openGrant(sealed)).toBeUndefined();
});

it('a sealer is not made without a secret, or without the fingerprint of a key', () => {
  expect(() => sealerWith({ secrets: [] })).toThrow(GatewaySetupError);
  expect(() => sealerWith({ sender: 'x' })).toThrow(GatewaySetupError);
});
