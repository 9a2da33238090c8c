import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loginDelayMs, withLogin } from './login-limit.js';

describe('the limit of logins', () => {
  it('lets so many through at once, and the next when the first is a minute old', () => {
    let logins: readonly number[] = [];
    for (const now of [0, 10, 20]) {
      expect(loginDelayMs(logins, 3, now)).toBe(0);
      logins = withLogin(logins, now);
    }
    expect(loginDelayMs(logins, 3, 25)).toBe(59_975);
    expect(loginDelayMs(logins, 3, 60_000)).toBe(0);
  });

  it('holds in every minute, whenever it is asked', () => {
    const gaps = fc.array(fc.nat(30_000), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 8 }), (pauses, perMinute) => {
        let logins: readonly number[] = [];
        let now = 0;
        const all: number[] = [];
        for (const pause of pauses) {
          now += pause + loginDelayMs(logins, perMinute, now + pause);
          logins = withLogin(logins, now);
          all.push(now);
          expect(logins.length).toBeLessThanOrEqual(perMinute);
        }
        for (const at of all) {
          expect(all.filter((other) => other >= at && other < at + 60_000).length).toBeLessThanOrEqual(perMinute);
        }
      }),
    );
  });
});
