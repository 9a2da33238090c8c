import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DomainPace, decidePace, freshPace, isForgettable, type PaceEvent, stepPace } from './pacing.js';

const pauses = { firstPauseMs: 5000, longestPauseMs: 300_000 };
const limits = { mostInFlight: 3, mostPerMinute: Number.POSITIVE_INFINITY, ...pauses };

function stepped(events: readonly PaceEvent[], pace: DomainPace = freshPace(limits)): DomainPace {
  return events.reduce((state, event) => stepPace(state, event, limits), pace);
}

const begun = (nowMs: number): PaceEvent => ({ type: 'begun', nowMs });
const throttled = (begunAtMs: number, nowMs: number): PaceEvent => ({
  type: 'throttled',
  begunAtMs,
  nowMs,
  random: 0.5,
});

describe('a domain that asks for less', () => {
  it('pauses, twice as long each time, up to five minutes', () => {
    let pace = freshPace(limits);
    let nowMs = 1;
    const told: number[] = [];
    for (let count = 0; count < 9; count += 1) {
      pace = stepped([begun(nowMs), throttled(nowMs, nowMs + 1)], pace);
      told.push(pace.pausedUntilMs - nowMs - 1);
      expect(decidePace(pace, nowMs + 1, limits)).toEqual({ kind: 'wait', forMs: pace.pausedUntilMs - nowMs - 1 });
      nowMs = pace.pausedUntilMs;
      expect(decidePace(pace, nowMs, limits)).toEqual({ kind: 'go' });
    }
    expect(told).toEqual([5000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  });

  it('begins again with one mail, and gets one more with each that is taken', () => {
    let pace = stepped([begun(1), throttled(1, 2)]);
    let nowMs = pace.pausedUntilMs;
    for (const most of [1, 2, 3, 3]) {
      let count = 0;
      for (; decidePace(pace, nowMs, limits).kind === 'go'; count += 1) pace = stepped([begun(nowMs)], pace);
      expect(count).toBe(most);
      for (let ended = 1; ended < count; ended += 1) pace = stepped([{ type: 'failed' }], pace);
      pace = stepped([{ type: 'taken', begunAtMs: nowMs }], pace);
      nowMs += 1;
    }
    expect(pace.pauses).toBe(0);
  });

  it('pauses once for all that were in flight, and what they end with changes nothing', () => {
    const before = stepped([begun(1), begun(1), begun(1), throttled(1, 5)]);
    const pace = stepped([throttled(1, 6), { type: 'taken', begunAtMs: 1 }], before);
    expect(pace).toEqual({ ...before, inFlight: 0 });
  });

  it('is not told by a mail that is refused for itself', () => {
    expect(stepped([begun(1), { type: 'failed' }])).toEqual(freshPace(limits));
  });
});

describe('the pace of a domain', () => {
  const commands = fc.oneof(
    fc.record({ do: fc.constant('begin' as const) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 500, 5000, 59_999, 60_000, 600_000) }),
    fc.record({ do: fc.constantFrom('taken' as const, 'failed' as const, 'throttled' as const), which: fc.nat(5) }),
  );
  const anyLimits = fc.record({
    mostInFlight: fc.integer({ min: 1, max: 4 }),
    mostPerMinute: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 5 })),
    firstPauseMs: fc.constant(5000),
    longestPauseMs: fc.constant(300_000),
  });

  it('keeps within its limits whatever happens, never stops for good, and can be forgotten in the end', () => {
    fc.assert(
      fc.property(
        anyLimits,
        fc.array(commands, { maxLength: 80 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (any, all, random) => {
          let pace = freshPace(any);
          let nowMs = 0;
          const inFlight: number[] = [];
          const starts: number[] = [];
          for (const command of all) {
            if (command.do === 'pass') nowMs += command.ms;
            else if (command.do === 'begin') {
              const decision = decidePace(pace, nowMs, any);
              if (decision.kind === 'wait') {
                if (decision.forMs === undefined) expect(inFlight.length).toBeGreaterThan(0);
                else expect(decision.forMs).toBeGreaterThan(0);
                continue;
              }
              expect(nowMs).toBeGreaterThanOrEqual(pace.pausedUntilMs);
              pace = stepPace(pace, { type: 'begun', nowMs }, any);
              inFlight.push(nowMs);
              starts.push(nowMs);
              expect(starts.filter((at) => at > nowMs - 60_000).length).toBeLessThanOrEqual(any.mostPerMinute);
            } else {
              const [begunAtMs] = inFlight.splice(command.which % Math.max(1, inFlight.length), 1);
              if (begunAtMs !== undefined) pace = stepPace(pace, { type: command.do, begunAtMs, nowMs, random }, any);
            }
            expect(inFlight.length).toBe(pace.inFlight);
            expect(pace.inFlight).toBeLessThanOrEqual(any.mostInFlight);
            expect(pace.window).toBeGreaterThanOrEqual(1);
            expect(pace.begun.length).toBeLessThanOrEqual(any.mostPerMinute === Number.POSITIVE_INFINITY ? 0 : 5);
            if (pace.inFlight > 0) expect(isForgettable(pace, nowMs + 1e9, any)).toBe(false);
          }
          for (const _ of inFlight) pace = stepPace(pace, { type: 'failed' }, any);
          const muchLater = nowMs + 600_000;
          expect(decidePace(pace, muchLater, any)).toEqual({ kind: 'go' });
          expect(isForgettable(pace, muchLater + 300_000, any)).toBe(true);
        },
      ),
    );
  });
});
