import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLook } from './look-plan.js';

const before = { uidValidity: '17', lastUid: 40 };

describe('what is looked at when a folder is opened', () => {
  it('is nothing the first time: all that is there was there before any app registered', () => {
    expect(planLook(undefined, { uidValidity: '17', uidNext: 41 })).toEqual({ kind: 'begin', lastUid: 40 });
    expect(planLook(undefined, { uidValidity: '17', uidNext: 1 })).toEqual({ kind: 'begin', lastUid: 0 });
  });

  it('is nothing when nothing has come since', () => {
    expect(planLook(before, { uidValidity: '17', uidNext: 41 })).toEqual({ kind: 'nothing', before });
  });

  it('is what has come since', () => {
    expect(planLook(before, { uidValidity: '17', uidNext: 44 })).toEqual({
      kind: 'since',
      before,
      firstUid: 41,
      lastUid: 43,
    });
  });

  it('is the last 28 days when the messages are numbered anew', () => {
    expect(planLook(before, { uidValidity: '18', uidNext: 41 })).toEqual({ kind: 'search', lastUid: 40 });
    expect(planLook(before, { uidValidity: '18', uidNext: 500 })).toEqual({ kind: 'search', lastUid: 499 });
  });

  it('is the last 28 days when a server gives UIDs out a second time', () => {
    expect(planLook(before, { uidValidity: '17', uidNext: 40 })).toEqual({ kind: 'search', lastUid: 39 });
  });

  it('never leaves a gap between what was looked at and what is looked at next', () => {
    const uid = fc.integer({ min: 0, max: 4_294_967_294 });
    fc.assert(
      fc.property(uid, uid, (lastUid, newest) => {
        const plan = planLook({ uidValidity: '17', lastUid }, { uidValidity: '17', uidNext: newest + 1 });
        if (plan.kind === 'since') {
          expect(plan.firstUid).toBe(lastUid + 1);
          expect(plan.lastUid).toBe(newest);
          expect(plan.lastUid).toBeGreaterThanOrEqual(plan.firstUid);
        } else {
          expect(plan.kind).toBe(newest === lastUid ? 'nothing' : 'search');
        }
      }),
    );
  });
});
