import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushError, type PushErrorCode } from './errors.js';
import { planRetry, type RetryPolicy } from './retry-plan.js';

const policy: RetryPolicy = { most: 100, firstPauseMs: 1000, longestPauseMs: 60_000 };
const plenty = { deadlineLeftMs: 1e9, ttlLeftMs: 1e9, random: 0.5 };

function failure(code: PushErrorCode): PushError {
  const transient = ['ERR_SMTP_BUSY', 'ERR_SMTP_UNAVAILABLE', 'ERR_ABORTED', 'ERR_SENDER_BUSY'].includes(code);
  return new PushError(code, 'It failed.', {
    disposition: transient ? 'transient' : 'rejected',
    smtpResponse: '450 4.2.0 Later',
  });
}

describe('a failed try', () => {
  it.each(['ERR_SMTP_BUSY', 'ERR_SMTP_UNAVAILABLE'] as const)('with %s leads to another one', (code) => {
    const pauses = [1, 2, 3, 7, 8, 50].map((tries) => planRetry({ ...plenty, error: failure(code), tries }, policy));
    const afterMs = [1000, 2000, 4000, 60_000, 60_000, 60_000];
    expect(pauses).toEqual(afterMs.map((ms) => ({ kind: 'again', afterMs: ms })));
  });

  it.each([
    ...(['ERR_SMTP_REFUSED', 'ERR_ENDPOINT_GONE', 'ERR_SMTP_LOGIN', 'ERR_SMTP_TLS', 'ERR_ABORTED'] as const),
    ...(['ERR_KEY_UNUSABLE', 'ERR_PUSH_EXPIRED', 'ERR_SENDER_BUSY'] as const),
  ])('with %s is the end', (code) => {
    const error = failure(code);
    expect(planRetry({ ...plenty, error, tries: 1 }, policy)).toEqual({ kind: 'end', error });
  });

  it('with something unforeseen is the end', () => {
    const error = new RangeError('no');
    expect(planRetry({ ...plenty, error, tries: 1 }, policy)).toEqual({ kind: 'end', error });
  });

  it('after which another would come too late ends with the failure, or with the TTL', () => {
    const error = failure('ERR_SMTP_BUSY');
    expect(planRetry({ ...plenty, error, tries: 1, deadlineLeftMs: 1000 }, policy)).toEqual({ kind: 'end', error });
    const late = planRetry({ ...plenty, error, tries: 1, ttlLeftMs: 1000 }, policy);
    expect(late).toMatchObject({
      kind: 'end',
      error: { code: 'ERR_PUSH_EXPIRED', disposition: 'rejected', smtpResponse: '450 4.2.0 Later', cause: error },
    });
  });

  it('is repeated as often as the policy says, within deadline and TTL, each pause twice the last, give or take', () => {
    const number = fc.integer({ min: 1, max: 100_000 });
    const policies = fc.record({ most: fc.integer({ min: 0, max: 20 }), firstPauseMs: number, longestPauseMs: number });
    const randoms = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 25, maxLength: 25 });
    fc.assert(
      fc.property(policies, number, number, randoms, (any, deadlineMs, ttlMs, chances) => {
        const error = failure('ERR_SMTP_BUSY');
        let [tries, passedMs] = [0, 0];
        for (const random of chances) {
          tries += 1;
          const left = { deadlineLeftMs: deadlineMs - passedMs, ttlLeftMs: ttlMs - passedMs };
          const decision = planRetry({ error, tries, random, ...left }, any);
          if (decision.kind === 'end') {
            if (decision.error !== error)
              expect(decision.error).toMatchObject({ code: 'ERR_PUSH_EXPIRED', cause: error });
            break;
          }
          const middle = Math.min(any.longestPauseMs, any.firstPauseMs * 2 ** (tries - 1));
          expect(decision.afterMs).toBeGreaterThanOrEqual(middle / 2);
          expect(decision.afterMs).toBeLessThanOrEqual(middle * 1.5);
          passedMs += decision.afterMs;
          expect(passedMs).toBeLessThan(deadlineMs);
          expect(passedMs).toBeLessThan(ttlMs);
        }
        expect(tries).toBeLessThanOrEqual(any.most + 1);
      }),
    );
  });
});
