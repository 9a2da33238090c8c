import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusError } from './errors.js';
import { type Frame, FrameReader } from './frame-reader.js';
import { decodeBody, decodeHeader, encodeMessage, messageType, type OutgoingMessage } from './message.js';
import { parseTypes } from './values.js';

const limits = { headerBytes: 65_536, bodyBytes: 1_048_576 };

function frames(bytes: Buffer, chunkSizes: readonly number[] = [], bounds = limits): Frame[] {
  const reader = new FrameReader(bounds);
  const result: Frame[] = [];
  let position = 0;
  for (const size of [...chunkSizes, bytes.length]) {
    result.push(...reader.push(bytes.subarray(position, position + size)));
    position += size;
  }
  expect(reader.bufferedBytes).toBe(0);
  return result;
}

function call(signature: string, body: readonly unknown[], more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { type: messageType.call, flags: 0, serial: 7, path: '/a', member: 'B', signature, body, ...more };
}

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const basic = fc.oneof(
  text.map((value) => ({ signature: 's', value })),
  fc.integer({ min: 0, max: 255 }).map((value) => ({ signature: 'y', value })),
  fc.integer({ min: -32768, max: 32767 }).map((value) => ({ signature: 'n', value })),
  fc.integer({ min: 0, max: 65535 }).map((value) => ({ signature: 'q', value })),
  fc.integer().map((value) => ({ signature: 'i', value })),
  fc.nat().map((value) => ({ signature: 'u', value })),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => ({ signature: 'd', value })),
  fc.boolean().map((value) => ({ signature: 'b', value })),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => ({ signature: 't', value })),
  fc.bigInt({ min: -(1n << 63n) + 1n, max: (1n << 63n) - 1n }).map((value) => ({ signature: 'x', value })),
  fc.uint8Array({ maxLength: 50 }).map((value) => ({ signature: 'ay', value })),
  fc.array(text).map((value) => ({ signature: 'as', value })),
  fc.constantFrom('a{sv}', '', '(ss)av').map((value) => ({ signature: 'g', value })),
);
interface Typed {
  readonly signature: string;
  readonly value: unknown;
}
const { anything } = fc.letrec<{ anything: Typed }>((tie) => ({
  anything: fc.oneof(
    { maxDepth: 4 },
    basic,
    tie('anything').map((value) => ({ signature: 'v', value })),
    fc.array(tie('anything'), { minLength: 1, maxLength: 3 }).map((members) => ({
      signature: `(${members.map((one) => one.signature).join('')})`,
      value: members.map((one) => one.value),
    })),
    fc.dictionary(text, tie('anything'), { maxKeys: 3 }).map((value) => ({ signature: 'a{sv}', value })),
    tie('anything').map((one) => ({
      signature: `a${one.signature}`,
      value: one.signature === 'y' ? new Uint8Array([1]) : [one.value, one.value],
    })),
  ),
}));

describe('a message', () => {
  it('is read as it was written, in any pieces', () => {
    const messages = fc.array(fc.array(anything, { maxLength: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat({ max: 60 })), (bodies, chunks) => {
        const bytes = bodies.map((body) =>
          encodeMessage(
            call(
              body.map((one) => one.signature).join(''),
              body.map((one) => one.value),
            ),
          ),
        );
        const read = frames(Buffer.concat(bytes), chunks);
        expect(read).toHaveLength(bodies.length);
        for (const [index, { header, body }] of read.entries()) {
          const facts = decodeHeader(header);
          expect(facts).toMatchObject({ type: 1, serial: 7, path: '/a', member: 'B' });
          const values = decodeBody(header[0] ?? 0, facts.signature, body ?? Buffer.alloc(0));
          expect(values).toEqual(bodies[index]?.map((one) => one.value));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is read in big endian too', () => {
    const fixed = '4202000100000008000000010000000f'; // method return, 8 bytes of body, serial 1, 15 bytes of fields
    const fields = '05017500000000020801670001750000'; // reply to 2, signature "u", and one byte of padding
    const bytes = Buffer.from(`${fixed}${fields}0102030405060708`, 'hex');
    const [frame] = frames(bytes);
    expect(decodeHeader(frame?.header ?? bytes)).toMatchObject({ type: 2, serial: 1, replySerial: 2, signature: 'u' });
    expect(decodeBody(0x42, 'u', frame?.body ?? bytes)).toEqual([0x01020304]);
  });

  it('that is too long is skipped, and what follows is read', () => {
    const long = encodeMessage(call('ay', [new Uint8Array(500)]));
    const headed = encodeMessage(call('', [], { path: `/${'x'.repeat(500)}` }));
    const short = encodeMessage(call('s', ['next']));
    const bytes = Buffer.concat([long, headed, short, headed, long, short]);
    for (const size of [1, 7, 16, 64, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, () => size);
      const read = frames(bytes, chunks, { headerBytes: 200, bodyBytes: 100 });
      expect(read.map(({ body }) => body?.length)).toEqual([undefined, 9, undefined, 9]);
    }
  });

  it('of arbitrary bytes throws nothing but typed errors', () => {
    const header = fc.constantFrom('6c010001', '42010001', '6c040001').map((hex) => Buffer.from(hex, 'hex'));
    fc.assert(
      fc.property(fc.option(header), fc.array(fc.uint8Array({ maxLength: 80 })), (start, rest) => {
        const reader = new FrameReader({ headerBytes: 300, bodyBytes: 300 });
        try {
          for (const chunk of [start ?? Buffer.alloc(0), ...rest]) {
            for (const frame of reader.push(Buffer.from(chunk))) decodeHeader(frame.header);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_BUS_PROTOCOL' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('body of arbitrary bytes throws nothing but typed errors, and ends', () => {
    const signature = fc.oneof(
      fc.constantFrom('a(y)', 'av', 'v', 'a{sv}', 'aay', 'h', 'ah', '(s(ay))', 'g', 'as', 'ad', 'a()'),
      fc.string({ unit: fc.constantFrom(...'ybnqiuxtdsog(){}avhr') }),
    );
    fc.assert(
      fc.property(signature, fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0x6c, 0x42), (types, bytes, endian) => {
        try {
          decodeBody(endian, types, Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_BUS_PROTOCOL' });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('with an array of empty structs in a variant ends with an error', () => {
    const body = Buffer.concat([
      Buffer.from('\x03a()\0', 'latin1'),
      Buffer.alloc(3),
      Buffer.from([8, 0, 0, 0]),
      Buffer.alloc(16),
    ]);
    expect(() => decodeBody(0x6c, 'v', body)).toThrow(expect.objectContaining({ code: 'ERR_BUS_PROTOCOL' }));
  });
});

describe('a signature', () => {
  it.each(['', 's', 'a{sv}', 'a(ay)', 'aaaas', 'v', '(s(u))', 'a{oas}', 'ybnqiuxtdsog'])('%j is taken', (signature) => {
    expect(parseTypes(signature).length).toBeGreaterThanOrEqual(0);
  });

  it.each([
    'a',
    '(',
    ')',
    '()',
    '{ss}',
    'a{s}',
    'a{vs}',
    'a{sss}',
    'h',
    'r',
    '?',
    '(s',
    's)',
    '}',
    'a)',
    `${'a'.repeat(40)}s`,
    's'.repeat(256),
  ])('%j is refused', (signature) => {
    expect(() => parseTypes(signature)).toThrow(BusError);
  });
});
