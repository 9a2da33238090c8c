/** How much of something there may be: so many at once, after a rest, and in the long run so many an hour. */
export interface Limit {
  readonly atOnce: number;
  readonly perHour: number;
}

const intervalMs = ({ perHour }: Limit): number => (60 * 60_000) / perHour;

/**
 * An allowance is one number: when all of it will be there again, in ms since 1970 (the generic cell rate algorithm of ATM
 * Forum TM 4.0). This is what remains of it at `now` by a clock that may have been put back: empty at worst, and filling.
 */
export function timely(fullAt: number, limit: Limit, now: number): number {
  return Math.min(fullAt, now + limit.atOnce * intervalMs(limit));
}

/** The allowance after one more. */
export function spend(fullAt: number, limit: Limit, now: number): number {
  return Math.max(now, fullAt) + intervalMs(limit);
}

/** When there may be one more, in ms since 1970. */
export function nextAt(fullAt: number, limit: Limit): number {
  return Math.ceil(fullAt - (limit.atOnce - 1) * intervalMs(limit));
}

/** Whether there may be one more at `now`. */
export function hasLeft(fullAt: number, limit: Limit, now: number): boolean {
  return nextAt(fullAt, limit) <= now;
}
