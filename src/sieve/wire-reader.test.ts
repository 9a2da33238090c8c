import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SieveError } from './errors.js';
import { createWireReader, type Line, maxLiteralBytes, type Token } from './wire-reader.js';
import { writeCommand, writeString } from './wire-writer.js';

const read = (text: string | Buffer): Line[] => createWireReader().push(Buffer.from(text));
const word = (text: string): Token => ({ kind: 'word', text });
const string = (text: string | Buffer): Token => ({ kind: 'string', bytes: Buffer.from(text) });

/** The bytes cut at random places. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

describe('the reader of ManageSieve lines', () => {
  it.each<[string, Line[]]>([
    ['OK\r\n', [[word('OK')]]],
    ['\r\n', [[]]],
    ['"SIEVE" "fileinto include"\r\nOK\r\n', [[string('SIEVE'), string('fileinto include')], [word('OK')]]],
    ['"a \\"b\\" \\\\c" ACTIVE\r\n', [[string('a "b" \\c'), word('ACTIVE')]]],
    ['{5}\r\na\r\nb"\r\nOK\r\n', [[string('a\r\nb"')], [word('OK')]]],
    ['{0}\r\n\r\n', [[string('')]]],
    ['{3+}\r\nabc x\r\n', [[string('abc'), word('x')]]],
    ['"Grüße"\r\n', [[string('Grüße')]]],
    [
      'NO (QUOTA/MAXSIZE) "too much"\r\n',
      [[word('NO'), { kind: 'open' }, word('QUOTA/MAXSIZE'), { kind: 'close' }, string('too much')]],
    ],
  ])('reads %j', (text, lines) => {
    expect(read(text)).toEqual(lines);
  });

  it.each([
    ['a line that ends with LF only', 'OK\n'],
    ['a quoted string without end', '"abc\r\n'],
    ['a backslash before an ordinary letter', '"a\\b"\r\n'],
    ['a literal in the middle of a line', '{3} x\r\nabc\r\n'],
    ['a literal that is too long', `{${maxLiteralBytes + 1}}\r\n`],
    ['literals that are too long together', `{${maxLiteralBytes}}\r\n${'a'.repeat(maxLiteralBytes)} {1}\r\n`],
    ['a number without end', '{99999999999}\r\n'],
    ['a line without end', 'a'.repeat(20_000)],
    ['a line with a thousand words', `${'a '.repeat(1000)}\r\n`],
    ['a thousand empty literals', '{0}\r\n'.repeat(1000)],
    ['bytes that are no text', Buffer.from([0x4f, 0x4b, 0x00, 0x0d, 0x0a])],
    ['a TLS alert', Buffer.from([0x15, 0x03, 0x01, 0x00, 0x0a])],
  ])('refuses %s', (_, text) => {
    const reader = createWireReader();
    const all = (): void => {
      reader.push(Buffer.from(text));
      reader.push(Buffer.from('\r\n'));
    };
    expect(all).toThrow(expect.objectContaining({ code: 'ERR_SIEVE_PROTOCOL' }));
  });

  const bytes = fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array));

  it('reads the same whatever pieces it comes in, and what a writer has written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(bytes, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (lines, cuts) => {
          const wire = Buffer.concat(lines.map((strings) => writeCommand('PUT', ...strings)));
          const reader = createWireReader();
          const got = chunksOf(wire, cuts).flatMap((chunk) => reader.push(chunk));
          expect(got).toEqual(lines.map((strings) => [word('PUT'), ...strings.map(string)]));
          expect(reader.isWithinLine).toBe(false);
        },
      ),
    );
  });

  it('ends in lines or in a typed error, whatever comes', () => {
    const pieces = fc.oneof(
      bytes,
      fc.constantFrom('"', '\\', '{1}', '{9+}\r\n', '\r\n', '(', ')', 'OK ').map(Buffer.from),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (chunks) => {
        const reader = createWireReader();
        try {
          for (const chunk of chunks) reader.push(chunk);
        } catch (error) {
          expect(error).toBeInstanceOf(SieveError);
        }
      }),
    );
  });
});

describe('a string as it is sent', () => {
  it.each([
    ['plain', '"plain"'],
    ['a "b" \\c', '"a \\"b\\" \\\\c"'],
    ['', '""'],
    ['two\r\nlines', '{10+}\r\ntwo\r\nlines'],
    ['a'.repeat(1025), `{1025+}\r\n${'a'.repeat(1025)}`],
  ])('is quoted when it can be: %j', (text, written) => {
    expect(writeString(text).toString()).toBe(written);
  });
});
