import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText, notifyErrorOf } from '../../test/tools/notify-arbitraries.js';
import { parseAttributes } from './attributes.js';

describe('parseAttributes', () => {
  it.each([
    ['v=1;c=x', { v: '1', c: 'x' }],
    ['  v = 1 ;\tC\t=\tx  ', { v: '1', c: 'x' }],
    ['v=1; c=x;', { v: '1', c: 'x' }],
    ['v=1; c=x ; ', { v: '1', c: 'x' }],
    ['c=x;v=1', { v: '1', c: 'x' }],
    ['v=1;\r\n c=x', { v: '1', c: 'x' }],
    ['v=1;\n\tc=x', { v: '1', c: 'x' }],
    ['\r\n v=1', { v: '1' }],
    ['v=1; c=a=b', { v: '1', c: 'a=b' }],
    ['v=1; empty=; x-y_z=a b', { v: '1', empty: '', 'x-y_z': 'a b' }],
    ['v=1; __proto__=x', { v: '1', ['__proto__']: 'x' }],
  ])('reads %j', (value, expected) => {
    expect(Object.fromEntries(parseAttributes(value))).toEqual(expected);
  });

  it.each([
    ['nothing', ''],
    ['no pair', 'v'],
    ['no name', '=1'],
    ['an empty pair', 'v=1;;c=x'],
    ['two semicolons at the end', 'v=1;;'],
    ['no version', 'c=x'],
    ['a name with a space', 'v=1; a b=c'],
    ['a repeated name', 'v=1; c=x; c=x'],
    ['a repeated name in another case', 'v=1; c=x; C=y'],
    ['a repeated unknown name', 'v=1; z=1; z=1'],
    ['a lone CR', 'v=1;\r c=x'],
    ['a line break that folds nothing', 'v=1;\r\nc=x'],
    ['a line break at the end', 'v=1\r\n'],
    ['NUL', 'v=1; c=\0'],
    ['DEL', 'v=1; c=\x7f'],
    ['eight-bit text', 'v=1; z=ü'],
    ['999 bytes', `v=1; z=${'a'.repeat(992)}`],
  ])('refuses %s', (_, value) => {
    expect(notifyErrorOf(() => parseAttributes(value))?.code).toBe('ERR_NOTIFY_HEADER_INVALID');
  });

  it('takes 998 bytes, and does not count what folding adds', () => {
    const value = `v=1; z=${'a'.repeat(991)}`;
    expect(parseAttributes(value).size).toBe(2);
    expect(parseAttributes(value.replace(' ', '\r\n ')).size).toBe(2);
  });

  it.each(['v=2', 'v=', 'v=01', 'v=1.0', 'v=2; c=x'])('refuses the version in %j', (value) => {
    expect(notifyErrorOf(() => parseAttributes(value))?.code).toBe('ERR_NOTIFY_VERSION_UNKNOWN');
  });

  it('throws only its own errors on any text', () => {
    const piece = fc.oneof(anyText, fc.constantFrom('v=1', ';', '=', ' ', '\r\n ', '\r', 'c', '\0'));
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (value) => {
        const error = notifyErrorOf(() => parseAttributes(value));
        if (error !== undefined) expect(error.code).toMatch(/^ERR_NOTIFY_(?:HEADER_INVALID|VERSION_UNKNOWN)$/);
      }),
      { numRuns: 500 },
    );
  });
});
