import { describe, expect, it } from 'vitest';
import { defaultTimes } from './account.js';
import { ImapError, lostError } from './errors.js';
import { beginTry, forgiveFailures, noTries, planRetry, type RetryPlan, type Tries } from './retry-plan.js';

const refused = new ImapError('ERR_IMAP_LOGIN', 'No.', { disposition: 'action-required' });
const untrusted = new ImapError('ERR_IMAP_TLS', 'No.', { disposition: 'action-required' });
const minute = 60_000;

/** What is planned after each of these ends in a row, with the longest pauses that chance allows. */
function plans(ends: readonly { error?: unknown; openMs?: number }[], tries: Tries = noTries): RetryPlan[] {
  let now = 0;
  let current = tries;
  return ends.map(({ error = lostError(), openMs }) => {
    current = beginTry(current, now);
    now += openMs ?? 0;
    const planned = planRetry(current, { error, openMs }, defaultTimes, now, 1);
    current = planned.tries;
    now += planned.plan.pauseMs;
    return planned.plan;
  });
}

const pauses = (...args: Parameters<typeof plans>): number[] => plans(...args).map(({ pauseMs }) => pauseMs);
const twelve = <T>(end: T): T[] => Array.from({ length: 12 }, () => end);

describe('the plan for the next connection', () => {
  it('waits longer after every failure, up to five minutes', () => {
    const all = pauses(twelve({}));
    expect(all.slice(0, 5)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(all.at(-1)).toBe(5 * minute);
  });

  it('does not take a connection for a good one that the server drops after its login', () => {
    expect(pauses(twelve({ openMs: 100 })).at(-1)).toBe(5 * minute);
  });

  it('begins anew after a connection that has lasted', () => {
    expect(pauses([{}, {}, {}, { openMs: 2 * minute }, {}])).toEqual([1000, 2000, 4000, 1000, 2000]);
  });

  it('can be cut short at any time, unless there were too many logins', () => {
    expect(plans([{}, {}, {}]).map(({ leastMs }) => leastMs)).toEqual([0, 0, 0]);
    let tries = noTries;
    for (let count = 0; count < 6; count += 1) tries = beginTry(tries, 0);
    const { plan } = planRetry(tries, { error: lostError(), openMs: undefined }, defaultTimes, 10_000, 1);
    expect(plan).toEqual({ pauseMs: 50_000, leastMs: 50_000 });
  });

  it('waits minutes after a refused login, longer each time, and cannot be cut short', () => {
    const all = plans(twelve({ error: refused }));
    expect(all.slice(0, 4).map(({ pauseMs }) => pauseMs / minute)).toEqual([5, 10, 15, 15]);
    for (const { pauseMs, leastMs } of all) expect(leastMs).toBe(pauseMs);
  });

  it('knocks with a refused password five times in half an hour at most, though chance and the network play along', () => {
    let now = 0;
    let tries = noTries;
    const knocks: number[] = [];
    while (now < 30 * minute) {
      knocks.push(now);
      tries = beginTry(forgiveFailures(tries), now);
      const planned = planRetry(tries, { error: refused, openMs: undefined }, defaultTimes, now, 0);
      tries = planned.tries;
      now += planned.plan.leastMs;
    }
    expect(knocks).toHaveLength(5);
  });

  it('begins with the short pause of refused logins again when one has worked in between', () => {
    const all = pauses([{ error: refused }, { error: refused }, { openMs: minute }, { error: refused }]);
    expect(all.at(-1)).toBe(5 * minute);
  });

  it('waits minutes for a certificate to be put right, and tries at once in another network', () => {
    expect(plans([{ error: untrusted }])).toEqual([{ pauseMs: 5 * minute, leastMs: 0 }]);
  });
});
