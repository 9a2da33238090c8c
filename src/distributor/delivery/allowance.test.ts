import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  at,
  deliverable,
  hour,
  minute,
  noon,
  short,
  type TestChannel,
  testChannel,
} from '../../../test/tools/delivery-channel.js';
import { hasLeft, nextAt, spend, timely } from './allowance.js';
import { nextDue } from './due.js';
import type { Verdict } from './state.js';
import { summarize } from './summary.js';
import { lastPushLimit, pushLimit, vainLimit } from './timing.js';

const limit = { atOnce: 5, perHour: 360 };
const everyMs = 10_000;

/** How many there may be at `now`. */
function countLeft(fullAt: number, now: number): number {
  let count = 0;
  for (let next = fullAt; hasLeft(next, limit, now); next = spend(next, limit, now)) count += 1;
  return count;
}

describe('an allowance', () => {
  it('is full at first, and fills again by the hour', () => {
    expect(countLeft(0, noon)).toBe(5);
    let fullAt = 0;
    for (let index = 0; index < 5; index += 1) fullAt = spend(fullAt, limit, noon);
    expect(countLeft(fullAt, noon)).toBe(0);
    expect(nextAt(fullAt, limit)).toBe(noon + everyMs);
    expect(countLeft(fullAt, noon + everyMs)).toBe(1);
    expect(countLeft(fullAt, noon + 2 * hour)).toBe(5);
  });

  it('lets no more through in any time than it says, and always something again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30_000), { maxLength: 100 }), (pauses) => {
        let now = noon;
        let fullAt = 0;
        const spent: number[] = [];
        for (const pause of pauses) {
          now += pause;
          if (hasLeft(fullAt, limit, now)) {
            spent.push(now);
            fullAt = spend(fullAt, limit, now);
          }
        }
        for (const [first, from] of spent.entries()) {
          for (const [last, to] of spent.entries()) {
            if (last >= first) expect(last - first + 1).toBeLessThanOrEqual(limit.atOnce + (to - from) / everyMs);
          }
        }
        expect(hasLeft(fullAt, limit, now + everyMs)).toBe(true);
      }),
    );
  });

  it('is empty at worst when the clock was put back', () => {
    const fullAt = timely(spend(0, limit, noon + 1000 * hour), limit, noon);
    expect(countLeft(fullAt, noon)).toBe(0);
    expect(countLeft(fullAt, noon + 5 * everyMs)).toBe(5);
  });
});

/** A channel whose app has just been given all that it may be given at once. */
const exhausted = (): TestChannel =>
  testChannel({ pushesFullAt: noon + (pushLimit.atOnce * hour) / pushLimit.perHour });

const interval = hour / pushLimit.perHour;

function accept(c: TestChannel, uid: number, now = noon): string[] {
  return short([
    ...c.run({ type: 'accepted', message: at(uid) }, now),
    ...c.run({ type: 'recorded', message: at(uid) }, now),
    ...c.run({ type: 'removed', message: at(uid) }, now),
  ]);
}

describe('too many pushes', () => {
  it('are those beyond the limit: they are delivered in mailbox order, one at a time, as it allows', () => {
    const c = testChannel({ pushesFullAt: noon + (pushLimit.atOnce - 20) * interval });
    let count = 0;
    for (let uid = 1; ; uid += 1) {
      c.open(uid, deliverable(`${uid}`, { holdUntil: noon + 20 * hour, liveUntil: noon + 24 * hour }));
      if (c.stage(uid) !== 'delivering') break;
      accept(c, uid);
      count += 1;
    }
    expect(count).toBe(20);
    expect(summarize(c.state, noon)).toMatchObject({ deliverable: 1, isDelayed: true });
    c.open(count + 2, deliverable('another', { holdUntil: noon + 20 * hour, liveUntil: noon + 24 * hour }));
    const due = nextDue(c.state, noon);
    expect(due).toBe(noon + interval);
    expect(short(c.run({ type: 'time passed' }, noon + interval))).toEqual([`deliver ${count + 1}`]);
    accept(c, count + 1, noon + interval);
    expect(c.stage(count + 2)).toBe('deliverable');
    expect(short(c.run({ type: 'time passed' }, noon + 2 * interval))).toEqual([`deliver ${count + 2}`]);
  });

  it('are only those that the app has accepted', () => {
    const c = testChannel();
    c.open(1, { kind: 'refused', reason: 'unsigned' });
    c.open(2, { kind: 'duplicate' });
    c.open(3, { kind: 'unreadable', reason: 'not for us' });
    c.open(4, deliverable('4'));
    c.run({ type: 'app unreachable', message: at(4) });
    expect(c.state.pushesFullAt).toBeLessThanOrEqual(noon);
    c.run({ type: 'app appeared' });
    accept(c, 4);
    expect(c.state.pushesFullAt).toBe(noon + interval);
  });

  it('wait no longer than until their TTL ends soon, but there is a limit to these too', () => {
    const c = exhausted();
    const soon = { holdUntil: noon + interval / 2, liveUntil: noon + 5 * minute };
    c.open(1, deliverable('1'));
    c.open(2, deliverable('2', soon));
    expect([c.stage(1), c.stage(2)]).toEqual(['deliverable', 'deliverable']);
    const due = nextDue(c.state, noon) ?? 0;
    expect(due).toBe(soon.holdUntil);
    expect(short(c.run({ type: 'time passed' }, due))).toEqual(['deliver 2']);

    const full = testChannel({ pushesFullAt: noon + (lastPushLimit.atOnce * hour) / lastPushLimit.perHour });
    full.open(1, deliverable('1', { holdUntil: noon, liveUntil: noon + interval / 2 }));
    expect(full.stage(1)).toBe('deliverable');
    full.run({ type: 'time passed' }, noon + interval / 2);
    expect(full.state.pushes.map(({ stage }) => stage.name === 'settled' && stage.outcome.kind)).toEqual(['expired']);
  });

  it('are opened no further ahead than others', () => {
    const c = exhausted();
    const messages = Array.from({ length: 100 }, (_, index) => at(index + 1));
    c.run({ type: 'found', messages });
    for (let uid = 1; c.stage(uid) === 'opening'; uid += 1) {
      c.run({ type: 'opened', message: at(uid), verdict: deliverable(`${uid}`) });
    }
    expect([c.state.pushes.length, c.state.backlog.length]).toEqual([32, 68]);
  });
});

describe('a channel that is besieged', () => {
  const junk: Verdict = { kind: 'unreadable', reason: 'not for us' };
  const probeMs = hour / vainLimit.perHour;

  /** So many mails, of which only these are good; opened until there is nothing more to be opened now. */
  function flood(count: number, good: readonly number[]) {
    const c = testChannel();
    const order: number[] = [];
    let delivered: number[] = [];
    const isGood = new Set(good);
    function openAll(now = noon): void {
      for (;;) {
        const next = c.state.pushes.find(({ stage }) => stage.name === 'opening' || stage.name === 'delivering');
        if (next === undefined) return;
        const { uid } = next.message;
        if (next.stage.name === 'delivering') {
          delivered = [...delivered, uid];
          accept(c, uid, now);
          continue;
        }
        order.push(uid);
        const verdict = isGood.has(uid) ? deliverable(`${uid}`, { liveUntil: noon + 100 * hour }) : junk;
        c.run({ type: 'opened', message: next.message, verdict }, now);
      }
    }
    c.run({ type: 'found', messages: Array.from({ length: count }, (_, index) => at(index + 1)) });
    openAll();
    return { c, order, openAll, delivered: () => delivered };
  }

  it('opens only so many at once in vain, and then one after another, from both ends', () => {
    const { c, order, openAll } = flood(vainLimit.atOnce + 10, []);
    expect(order).toHaveLength(vainLimit.atOnce);
    expect(summarize(c.state, noon)).toMatchObject({ unopened: 10, isBesieged: true });
    let now = noon;
    while (c.state.backlog.length > 0) {
      expect(nextDue(c.state, now)).toBe(now + probeMs);
      now += probeMs;
      c.run({ type: 'time passed' }, now);
      openAll(now);
    }
    const places = order.slice(vainLimit.atOnce).map((uid) => uid - vainLimit.atOnce);
    expect(places).toEqual([10, 1, 9, 2, 8, 3, 7, 4, 6, 5]);
    expect(nextDue(c.state, now)).toBeUndefined();
    c.run({ type: 'found', messages: [at(5000)] }, now);
    expect(c.stage(5000), 'one that comes a little later has to wait as well').toBeUndefined();
    c.run({ type: 'time passed' }, now + probeMs);
    openAll(now + probeMs);
    expect(order.at(-1)).toBe(5000);
    c.run({ type: 'time passed' }, now + 2 * probeMs);
    expect(c.state.besieged).toBeUndefined();
  });

  it('delivers a good push that comes behind the flood within two tries, and all good ones in one go', () => {
    const last = vainLimit.atOnce + 5000;
    const { c, openAll, delivered } = flood(last, [last - 2, last - 1, last]);
    expect(delivered()).toEqual([]);
    c.run({ type: 'time passed' }, noon + probeMs);
    openAll(noon + probeMs);
    c.run({ type: 'time passed' }, noon + 2 * probeMs);
    openAll(noon + 2 * probeMs);
    expect(delivered()).toContain(last);
    c.run({ type: 'found', messages: [at(last + 1)] }, noon + 2 * probeMs);
    expect(c.state.backlog.at(-1)).toEqual(at(last + 1));
  });

  it('delivers the good pushes in the middle of the flood too, each once', () => {
    const count = vainLimit.atOnce + 400;
    const good = [5, 1100, 1101, 1200, 1201, 1300];
    const { c, openAll, delivered } = flood(count, good);
    expect(delivered()).toEqual([5]);
    let now = noon;
    for (let due = nextDue(c.state, now); due !== undefined; due = nextDue(c.state, now)) {
      now = due;
      c.run({ type: 'time passed' }, now);
      openAll(now);
    }
    expect([...delivered()].sort((a, b) => a - b)).toEqual(good);
    expect(now - noon).toBeLessThanOrEqual(400 * probeMs);
    expect([c.state.pushes, c.state.backlog]).toEqual([[], []]);
  });
});
