/**
 * How long to wait before try number `attempt` (0 is the first after a failure): it doubles from `firstMs` to `maxMs`,
 * and the upper half of it is left to chance, so that many clients do not come back in step.
 *
 * @param random a number from 0 (included) to 1 (excluded).
 */
export function backOffMs(attempt: number, firstMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (full / 2) * random;
}
