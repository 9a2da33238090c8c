import type { ImapTimes } from './account.js';

/** Whether a server announces new mail while we idle, as far as it has shown. */
export interface Announcing {
  readonly isReliable: boolean;
  /** How many observations in a row speak against that. */
  readonly against: number;
}

/** What was seen of new mail: the server announced it by itself, or told of it only when it was asked. */
export type Observation = 'announced' | 'missed';

/** Of a server that nothing is known about. */
export const trusted: Announcing = { isReliable: true, against: 0 };

/**
 * One mail may come in the very moment in which we ask, and Dovecot forgets one that comes while a connection goes to
 * hibernate; three in a row, and none announced in between, are no chance.
 */
const enough = 3;

/**
 * What is known after one more observation:
 *
 * | known so far | announced | missed |
 * |---|---|---|
 * | reliable | reliable | reliable; unreliable after the third in a row |
 * | unreliable | unreliable; reliable after the third in a row | unreliable |
 */
export function observe(known: Announcing, seen: Observation): Announcing {
  if ((seen === 'announced') === known.isReliable) return { ...known, against: 0 };
  const against = known.against + 1;
  return against < enough ? { ...known, against } : { isReliable: !known.isReliable, against: 0 };
}

/** How long to idle before the server is asked what it has not announced. */
export function checkAfterMs(
  known: Announcing,
  { checkMs, idleRestartMs, pollMs }: Pick<ImapTimes, 'checkMs' | 'idleRestartMs' | 'pollMs'>,
): number {
  const usual = Math.min(checkMs, idleRestartMs);
  return known.isReliable ? usual : Math.min(usual, pollMs);
}
