import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitHeader } from './header-block.js';

describe('splitHeader', () => {
  it('reads fields and finds what follows the first empty line', () => {
    const bytes = Buffer.from('A: 1\r\nb : 2\r\n\t3 \r\n\r\nC: 4\r\n\r\n');
    expect(splitHeader(bytes)).toEqual({
      fields: [
        { name: 'a', value: '1' },
        { name: 'b', value: '2\t3' },
      ],
      strayLines: 0,
      bodyStart: 20,
    });
  });

  it.each([
    ['', [], 0, undefined],
    ['\n', [], 0, 1],
    ['\r\nx', [], 0, 2],
    ['A: 1', ['a'], 0, undefined],
    ['A: 1\n\nx', ['a'], 0, 6],
    ['A: 1\n\r\nx', ['a'], 0, 7],
    [' x\nA: 1\n', ['a'], 1, undefined],
    ['x\n y\nA: 1\n', ['a'], 1, undefined],
    ['A: 1\r', ['a'], 0, undefined],
    ['A\xff: 1\n\n', [], 1, 7],
  ])('takes %j apart', (text, names, strayLines, bodyStart) => {
    const block = splitHeader(Buffer.from(text, 'latin1'));
    expect({ ...block, fields: block.fields.map(({ name }) => name) }).toEqual({
      fields: names,
      strayLines,
      bodyStart,
    });
  });

  it('reads a view into a larger buffer', () => {
    const bytes = new Uint8Array(Buffer.from('xxA: 1\n\nyy'));
    expect(splitHeader(bytes.subarray(2)).bodyStart).toBe(6);
  });

  it('counts every line, whatever the bytes', () => {
    const piece = fc.constantFrom('\r', '\n', ' ', 'A', ':', '\xff', '\0');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const { fields, strayLines, bodyStart } = splitHeader(Buffer.from(pieces.join(''), 'latin1'));
        expect(fields.length + strayLines).toBeLessThanOrEqual(pieces.length);
        expect(bodyStart ?? 0).toBeLessThanOrEqual(pieces.length);
      }),
    );
  });
});
