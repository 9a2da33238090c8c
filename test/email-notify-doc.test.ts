import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseAutocrypt, open, parseAutocrypt, parsePrivateKey, parsePublicKey } from '../src/crypto/index.js';
import {
  composeInner,
  composeMail,
  formatEndpoint,
  formatPushHeader,
  formatRoutingHeader,
  isAddress,
  limits,
  parseEndpoint,
  parsePushHeader,
  parseRoutingHeader,
  readInner,
  readMail,
} from '../src/notify-spec/index.js';
import { compileAbnf } from './tools/abnf.js';
import { type Fence, readFences } from './tools/markdown-fences.js';
import { addresses, channels, notifyErrorOf, pushHeaders } from './tools/notify-arbitraries.js';

const root = new URL('../', import.meta.url);
const page = readFileSync(new URL('docs/email-notify.md', root), 'utf8');
const fences = readFences(page);

/** The blocks whose first words after the language are `words`, each with the block behind it. */
function examples(...words: string[]): readonly (Fence & { readonly next: Fence | undefined })[] {
  return fences
    .map((fence, index) => ({ ...fence, next: fences[index + 1] }))
    .filter((fence) => words.every((word, index) => fence.words[index + 1] === word));
}

function lines(fence: Fence): readonly string[] {
  return fence.text.trimEnd().split('\n');
}

/** What stands behind the colon of a header field. */
function fieldValue(field: string): string {
  return field.slice(field.indexOf(':') + 1);
}

function fixture(name: string): Buffer {
  return readFileSync(new URL(name, root));
}

const alice = await parsePrivateKey(fixture('fixtures/push/alice.asc').toString());
const sender = await parsePrivateKey(fixture('fixtures/push/sender.asc').toString());
const now = Date.UTC(2026, 0, 4);

async function openWithAlice(armored: string): Promise<Uint8Array> {
  const { data, signature } = await open(armored, { key: alice, signers: [sender.publicKey], now });
  expect(signature.state).toBe('valid');
  return data;
}

describe('every example of docs/email-notify.md', () => {
  it('is of a kind that is executed here', () => {
    for (const [index, { words }] of fences.entries()) {
      const [language, kind = '', state = ''] = words;
      if (language === 'abnf') continue;
      if (language === 'json') {
        expect(fences[index - 1]?.words[1]).toMatch(/^(?:push-header|routing-header|fixtures\/push\/endpoint\.txt)$/);
        continue;
      }
      expect(language).toBe('text');
      expect(kind).toMatch(/^(?:push-header|routing-header|header|endpoint|inner|fixtures\/push\/[a-z.]+)$/);
      if (/^(?:header|endpoint)$/.test(kind)) expect(state).toBe('refused');
    }
  });

  it.each(examples('push-header').filter(({ words }) => words.length === 2))(
    'reads as it says: $text',
    ({ text, next }) => {
      expect(parsePushHeader(fieldValue(text.trimEnd()))).toEqual(JSON.parse(next?.text ?? ''));
    },
  );

  it.each(examples('routing-header'))('routes as it says: $text', ({ text, next }) => {
    expect(parseRoutingHeader(fieldValue(text.trimEnd()))).toEqual(JSON.parse(next?.text ?? ''));
  });

  const refused = fences
    .filter(({ words }) => words[2] === 'refused')
    .flatMap((fence) => lines(fence).map((line) => ({ line, kind: fence.words[1] ?? '', code: fence.words[3] })));

  it.each(refused)('is refused as a $kind where it says so: $line', ({ line, kind, code }) => {
    if (kind === 'endpoint') expect(notifyErrorOf(() => parseEndpoint(line))?.code).toBe(code);
    else expect(notifyErrorOf(() => parsePushHeader(fieldValue(line)))?.code).toBe(code);
    if (kind === 'header') expect(notifyErrorOf(() => parseRoutingHeader(fieldValue(line)))?.code).toBe(code);
  });

  it('is refused for the one reason it names', () => {
    expect(refused.length).toBeGreaterThanOrEqual(20);
    for (const { line, kind } of refused) {
      if (kind === 'push-header') expect(parseRoutingHeader(fieldValue(line)).channel).toHaveLength(27);
    }
  });

  it.each(fences.filter(({ words }) => words[1]?.startsWith('fixtures/')))(
    'is the fixture it names: $words',
    ({ words, text }) => {
      expect(text).toBe(
        fixture(words[1] ?? '')
          .toString('latin1')
          .replaceAll('\r\n', '\n'),
      );
    },
  );

  it('shows every fixture', () => {
    const shown = fences.flatMap(({ words }) => words.slice(1).filter((word) => word.startsWith('fixtures/push/')));
    for (const name of readdirSync(new URL('fixtures/push/', root))) expect(shown).toContain(`fixtures/push/${name}`);
    for (const name of shown) expect(existsSync(new URL(name, root))).toBe(true);
  });

  it.each(examples('fixtures/push/endpoint.txt'))('that is an endpoint is read and written again', ({ text, next }) => {
    const uri = text.trimEnd();
    const { autocrypt, ...endpoint } = parseEndpoint(uri);
    expect(endpoint).toEqual(JSON.parse(next?.text ?? ''));
    const { address, keydata } = parseAutocrypt(autocrypt);
    expect(address).toBe(endpoint.address);
    expect(Buffer.from(keydata)).toEqual(Buffer.from(alice.publicKey.keydata));
    expect(formatEndpoint({ ...endpoint, autocrypt })).toBe(uri);
  });

  const mails = examples('inner', 'of').map((fence) => ({ name: fence.words[3] ?? '', inner: fence.text }));

  it.each(mails)('$name decrypts, is verified, and holds what is shown', async ({ name, inner }) => {
    const data = await openWithAlice((await readMail(fixture(name))).armored);
    const text = Buffer.from(data).toString();
    // A block of the page ends with a line break even where the payload does not.
    expect(`${text.replaceAll('\r\n', '\n').trimEnd()}\n`).toBe(inner);
    const { from, to, push, payload } = readInner(data);
    const field = (header: string) => fieldValue(new RegExp(`^${header}:.*$`, 'm').exec(text)?.[0] ?? '').trim();
    const entity = { from, to, date: new Date(field('Date')), messageId: field('Message-ID'), push, payload };
    expect(Buffer.from(composeInner(entity)).toString()).toBe(text);
  });

  it.each(mails)('$name is composed of its parts again', async ({ name, inner }) => {
    const raw = fixture(name);
    const { armored, autocrypt: values } = await readMail(raw);
    const { from, to, push } = readInner(Buffer.from(inner));
    const [value] = values;
    const messageId = /^Message-ID: (.*)$/m.exec(inner)?.[1] ?? '';
    const date = new Date(push.timestamp * 1000);
    const { channel, ttlSeconds } = push;
    const handshake = value === undefined ? {} : { autocrypt: value };
    const mail = composeMail({ from, to, date, messageId, channel, ttlSeconds, armored, ...handshake });
    expect(Buffer.from(mail).toString()).toBe(raw.toString());
  });

  it('brings the sender key in the handshake, and only there', async () => {
    const { autocrypt } = await readMail(fixture('fixtures/push/handshake.eml'));
    const header = chooseAutocrypt(autocrypt);
    expect(header?.preferEncrypt).toBe('mutual');
    expect((await parsePublicKey(header?.keydata ?? new Uint8Array())).fingerprint).toBe(sender.fingerprint);
    expect((await readMail(fixture('fixtures/push/later.eml'))).autocrypt).toEqual([]);
  });

  const rearranged = readdirSync(new URL('fixtures/mail/', root)).filter((name) => !name.startsWith('refused-'));

  it.each(rearranged)('still decrypts when a mail server has made it %s', async (name) => {
    const { armored } = await readMail(fixture(`fixtures/mail/${name}`));
    expect(Buffer.from(readInner(await openWithAlice(armored)).payload).toString()).toBe('Hello, Alice.\n');
  });
});

describe('the limits of docs/email-notify.md', () => {
  const table = /## 13 Limits[\s\S]*?(?=\nA receiver MUST)/.exec(page)?.[0] ?? '';

  it.each(Object.entries(limits).filter(([name]) => name !== 'channelBytes'))('hold %s, %i', (_, limit) => {
    expect(table).toMatch(new RegExp(`\\b${limit}\\b`));
  });
});

describe('the ABNF of docs/email-notify.md', () => {
  const rule = compileAbnf(fences.flatMap(({ words, text }) => (words[0] === 'abnf' ? [text] : [])).join('\n'));
  const unfold = (value: string) => value.replace(/\n(?=[ \t])/g, '');

  it('describes every header that is written, and each of its values', () => {
    fc.assert(
      fc.property(pushHeaders, (header) => {
        const value = formatPushHeader(header);
        expect(value).toMatch(rule('notify-value'));
        for (const attribute of value.split('; ').slice(1)) {
          const [name = ''] = attribute.split('=');
          expect(attribute.slice(name.length + 1)).toMatch(rule(`${name}-value`));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('describes the headers that are read, and no others', () => {
    const notifyValue = rule('notify-value');
    const piece = fc.constantFrom(' ', '\t', '=', ';', ';;', 'a', 'B=', 'd=x y', '-_', 'ü', '\r', 'é=', 'z=;');
    const required = `v=1; c=${'A'.repeat(27)}; i=1; t=1`;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const value = `${required};${pieces.join('')}`;
        const names = value.split(';').map((pair) => pair.split('=')[0]?.trim().toLowerCase());
        const unique = new Set(names).size === names.length;
        const isRead = notifyErrorOf(() => parsePushHeader(value)) === undefined;
        if (unique) expect(notifyValue.test(value)).toBe(isRead);
        else expect(isRead && !notifyValue.test(value)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('describes the examples', () => {
    for (const { text, words } of [...examples('push-header'), ...examples('routing-header')]) {
      if (words[2] !== 'refused') expect(unfold(fieldValue(text.trimEnd()))).toMatch(rule('notify-value'));
    }
  });

  it('describes the values that are read, and no others', () => {
    const samples = {
      c: ['A'.repeat(26), 'A'.repeat(27), 'A'.repeat(28), `${'A'.repeat(26)}+`],
      i: ['', 'a', 'a'.repeat(64), 'a'.repeat(65), 'a b', '<"=&>'],
      t: ['', '0', '007', '253402300799', '1234567890123', '-1', '1e3'],
      ttl: ['', '0', '9'.repeat(30), '+1', '1.0'],
      u: ['', 'low', 'very-low', 'Low', 'normal', 'high', 'urgent'],
      topic: ['', 'a', 'a'.repeat(32), 'a'.repeat(33), 'a.b', '-_'],
      enc: ['', 'gzip', 'AES128GCM', 'a'.repeat(33), 'a,b', "!#$%&'*+-.^_`|~"],
      next: ['', 'a'.repeat(40), 'F'.repeat(40), 'g'.repeat(40), 'a'.repeat(41)],
    };
    const base = { v: '1', c: 'A'.repeat(27), i: '1', t: '1' };
    for (const [name, values] of Object.entries(samples)) {
      for (const value of values) {
        const header = Object.entries({ ...base, [name]: value }).map((pair) => pair.join('='));
        const isRead = notifyErrorOf(() => parsePushHeader(header.join(';'))) === undefined;
        expect([name, value, rule(`${name}-value`).test(value)]).toEqual([name, value, isRead]);
      }
    }
  });

  it('describes plain addresses, and nothing else', () => {
    const plainAddress = rule('plain-address');
    const piece = fc.constantFrom('a', 'B', '1', '-', '.', '@', '+', '_', ' ', '"', 'ü');
    fc.assert(
      fc.property(
        fc.oneof(
          addresses,
          fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join('')),
        ),
        (text) => {
          expect(plainAddress.test(text)).toBe(isAddress(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('describes every endpoint that is written', () => {
    fc.assert(
      fc.property(addresses, channels, (address, channel) => {
        const uri = formatEndpoint({ address, channel, autocrypt: `addr=${address}; keydata=AB+/` });
        expect(uri).toMatch(rule('written-endpoint'));
        expect(uri).toMatch(rule('endpoint'));
        expect(decodeURIComponent(uri)).toContain(formatRoutingHeader({ channel }));
      }),
      { numRuns: 50 },
    );
  });
});
