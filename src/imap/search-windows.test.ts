import fc from 'fast-check';
import { expect, it } from 'vitest';
import { searchWindows } from './search-windows.js';

it('begins with the newest messages', () => {
  expect(searchWindows(25, 10)).toEqual([
    { range: '16:25', messages: 10 },
    { range: '6:15', messages: 10 },
    { range: '1:5', messages: 5 },
  ]);
});

it('has nothing to search in an empty folder, and one message in a folder of one', () => {
  expect(searchWindows(0, 10)).toEqual([]);
  expect(searchWindows(1, 10)).toEqual([{ range: '1:1', messages: 1 }]);
});

it('covers every message once, in windows no larger than allowed', () => {
  fc.assert(
    fc.property(fc.nat({ max: 1000 }), fc.integer({ min: 1, max: 500 }), (count, size) => {
      const windows = searchWindows(count, size);
      let next = count;
      for (const { range, messages } of windows) {
        const [first = 0, last = 0] = range.split(':').map(Number);
        expect(last).toBe(next);
        expect(messages).toBe(last - first + 1);
        expect(messages).toBeLessThanOrEqual(size);
        next = first - 1;
      }
      expect(next).toBe(0);
    }),
  );
});
