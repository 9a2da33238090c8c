import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { innerEntities, notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { composeInner } from './compose-inner.js';
import type { InnerEntity } from './inner-entity.js';
import { readInner } from './read-inner.js';

const channel = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';
const entity: InnerEntity = {
  mediaType: 'application/octet-stream',
  from: 'push@app.example',
  to: 'alice@example.org',
  date: new Date(Date.UTC(2026, 0, 2, 8, 30)),
  messageId: '<1@app.example>',
  push: { channel, id: '1', timestamp: 1_767_342_600, ttlSeconds: 60, urgency: 'high' },
  payload: Buffer.from('hello'),
};
const written = [
  'Content-Type: application/octet-stream; hp="cipher"',
  'Content-Transfer-Encoding: binary',
  'From: push@app.example',
  'To: alice@example.org',
  'Date: Fri, 02 Jan 2026 08:30:00 +0000',
  'Message-ID: <1@app.example>',
  `Email-Notify: v=1; c=${channel}; i=1; t=1767342600; ttl=60; u=high`,
  '',
  'hello',
];

function bytesOf(lines: readonly string[], lineBreak = '\r\n'): Uint8Array {
  return Buffer.from(lines.join(lineBreak), 'latin1');
}

function without(name: string): readonly string[] {
  return written.filter((line) => !line.startsWith(`${name}:`));
}

function refusal(lines: readonly string[]): string | undefined {
  return notifyErrorOf(() => readInner(bytesOf(lines)))?.code;
}

describe('composeInner', () => {
  it('writes the header, an empty line and the payload', () => {
    expect(Buffer.from(composeInner(entity)).toString()).toBe(written.join('\r\n'));
  });

  it.each([
    [{ from: 'push@app.example\r\nX: y' }, 'ERR_ADDRESS_INVALID'],
    [{ to: 'Alice <alice@example.org>' }, 'ERR_ADDRESS_INVALID'],
    [{ date: new Date(Number.NaN) }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ messageId: '<a@b>\r\nX: y' }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ push: { ...entity.push, id: '' } }, 'ERR_NOTIFY_HEADER_INVALID'],
    [{ mediaType: 'text/plain\r\nX: y' as never }, 'ERR_NOTIFY_MAIL_FIELD_INVALID'],
    [{ payload: new Uint8Array() }, 'ERR_NOTIFY_PAYLOAD_SIZE'],
    [{ payload: new Uint8Array(4097) }, 'ERR_NOTIFY_PAYLOAD_SIZE'],
  ])('refuses %j', (change, code) => {
    expect(notifyErrorOf(() => composeInner({ ...entity, ...change }))?.code).toBe(code);
  });

  it('writes the type of a grant', () => {
    const lines = Buffer.from(composeInner({ ...entity, mediaType: 'application/vnd.mailpush.grant' })).toString();
    expect(lines).toMatch(/^Content-Type: application\/vnd\.mailpush\.grant; hp="cipher"\r\n/);
  });
});

describe('readInner', () => {
  it('reads what was composed, the payload byte for byte', () => {
    fc.assert(
      fc.property(innerEntities, ({ date, messageId, ...entity }) => {
        expect(readInner(composeInner({ ...entity, date, messageId }))).toEqual(entity);
      }),
    );
  });

  it('takes every byte value, and empty lines, in the payload', () => {
    const payload = Uint8Array.from({ length: 4096 }, (_, index) => index % 256);
    payload.set([13, 10, 13, 10], 0);
    expect(readInner(composeInner({ ...entity, payload })).payload).toEqual(payload);
  });

  it('gives a payload of its own, not a view of the input', () => {
    const bytes = composeInner(entity);
    const { payload } = readInner(bytes);
    bytes.fill(0);
    expect(Buffer.from(payload).toString()).toBe('hello');
  });

  it.each([
    ['LF line ends', bytesOf(written, '\n')],
    [
      'names and types in other letters',
      bytesOf(written.map((line) => (line === 'hello' ? line : line.replace(/^[^:]+/, (name) => name.toUpperCase())))),
    ],
    ['its fields in another order', bytesOf([...written.slice(0, 7).reverse(), '', 'hello'])],
    ['folded fields', bytesOf(written.map((line) => line.replace(': ', ':\r\n ').replace('; u=', ';\r\n\tu=')))],
    ['unknown fields with eight-bit junk', bytesOf(['X: \xff\xfe', 'X: \x80\0', ...written])],
    ['no transfer encoding', bytesOf(without('Content-Transfer-Encoding'))],
    ['neither Date nor Message-ID', bytesOf(without('Date').filter((line) => !line.startsWith('Message-ID:')))],
    ['no hp parameter', bytesOf(['content-type: Application/Octet-Stream', ...without('Content-Type')])],
    ['an 8bit encoding', bytesOf(['Content-Transfer-Encoding: 8BIT', ...without('Content-Transfer-Encoding')])],
  ])('takes an entity with %s', (_, bytes) => {
    const { mediaType, from, to, push, payload } = entity;
    const read = readInner(bytes);
    expect({ ...read, payload: Buffer.from(read.payload) }).toEqual({ mediaType, from, to, push, payload });
  });

  it.each([
    'application/vnd.mailpush.grant; hp="cipher"',
    'Application/Vnd.Mailpush.Grant;x=y',
    ' application/vnd.mailpush.grant ',
  ])('tells a grant, as in %j, from a push', (type) => {
    const read = readInner(bytesOf([`Content-Type: ${type}`, ...without('Content-Type')]));
    expect(read.mediaType).toBe('application/vnd.mailpush.grant');
  });

  it.each(['Content-Type', 'From', 'To', 'Email-Notify'])('refuses an entity without %s, or with two', (name) => {
    const line = written.find((each) => each.startsWith(`${name}:`)) ?? '';
    expect(refusal(without(name))).toBe('ERR_NOTIFY_INNER_INVALID');
    expect(refusal([line, ...written])).toBe('ERR_NOTIFY_INNER_INVALID');
    expect(refusal([line.toLowerCase(), ...written])).toBe('ERR_NOTIFY_INNER_INVALID');
  });

  it.each([
    ['nothing', []],
    ['no empty line', written.slice(0, 7)],
    ['a repeated transfer encoding', ['Content-Transfer-Encoding: binary', ...written]],
    ['base64', ['Content-Transfer-Encoding: base64', ...without('Content-Transfer-Encoding')]],
    ['another media type', ['Content-Type: text/plain', ...without('Content-Type')]],
    ['another kind of grant', ['Content-Type: application/vnd.mailpush.grants', ...without('Content-Type')]],
    ['a media type that only begins alike', ['Content-Type: application/octet-streams', ...without('Content-Type')]],
    ['a display name in From', ['From: App <push@app.example>', ...without('From')]],
    ['two addresses in To', ['To: alice@example.org, bob@example.org', ...without('To')]],
    ['a no-break space behind To', ['To: alice@example.org\xa0', ...without('To')]],
    ['a line that is no field', ['hello', ...written]],
    ['a first line that continues nothing', [' hello', ...written]],
    ['a field without a name', [': hello', ...written]],
    ['33 fields', [...Array.from({ length: 26 }, (_, index) => `X-${index}: y`), ...written]],
    ['a header of over 8192 bytes', [`X: ${'y'.repeat(8192)}`, ...written]],
  ])('refuses an entity with %s', (_, lines) => {
    expect(refusal(lines)).toBe('ERR_NOTIFY_INNER_INVALID');
  });

  it.each([
    ['no payload', [...written.slice(0, 8), ''], 'ERR_NOTIFY_PAYLOAD_SIZE'],
    ['a payload of 4097 bytes', [...written.slice(0, 8), 'a'.repeat(4097)], 'ERR_NOTIFY_PAYLOAD_SIZE'],
    ['another version', ['Email-Notify: v=2', ...without('Email-Notify')], 'ERR_NOTIFY_VERSION_UNKNOWN'],
    [
      'a header without an id',
      [`Email-Notify: v=1; c=${channel}; t=1`, ...without('Email-Notify')],
      'ERR_NOTIFY_HEADER_INVALID',
    ],
  ])('refuses an entity with %s', (_, lines, code) => {
    expect(refusal(lines)).toBe(code);
  });

  it('refuses an entity cut off anywhere before its payload', () => {
    const bytes = composeInner(entity);
    for (let length = 0; length <= bytes.length - 5; length++) {
      expect(notifyErrorOf(() => readInner(bytes.subarray(0, length)))).toBeDefined();
    }
  });

  it('throws only typed errors on any bytes', () => {
    const piece = fc.oneof(
      fc.uint8Array(),
      fc.constantFrom(...written, '\r\n', '\n', '\n\n', ' ').map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        notifyErrorOf(() => readInner(Buffer.concat(pieces)));
      }),
      { numRuns: 300 },
    );
  });
});
