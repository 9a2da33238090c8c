import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backOffMs } from './back-off.js';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('doubles the pause with every try until it is the longest', () => {
  const pauses = [0, 1, 2, 3, 4, 5, 1000].map((attempt) => backOffMs(attempt, 1000, 20_000, 0));
  expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

it('leaves the upper half of the pause to chance', () => {
  expect(backOffMs(0, 1000, 20_000, 0.5)).toBe(750);
  expect(backOffMs(3, 1000, 20_000, 0.75)).toBe(7000);
});

it('waits at least half of the first pause and at most the longest, whatever the try and the chance', () => {
  const pauses = fc.record({
    attempt: fc.nat(),
    firstMs: fc.integer({ min: 1, max: 300_000 }),
    more: fc.nat({ max: 1_000_000 }),
    random: chance,
  });
  fc.assert(
    fc.property(pauses, ({ attempt, firstMs, more, random }) => {
      const pause = backOffMs(attempt, firstMs, firstMs + more, random);
      expect(pause).toBeGreaterThanOrEqual(firstMs / 2);
      expect(pause).toBeLessThanOrEqual(firstMs + more);
      expect(backOffMs(attempt + 1, firstMs, firstMs + more, random)).toBeGreaterThanOrEqual(pause);
    }),
  );
});
