import { describe, expect, it } from 'vitest';
import { createTally, type Tally } from './tally.js';

const delivered = { kind: 'delivered', id: '1', rememberUntil: 0 } as const;
const refused = (reason: string) => ({ kind: 'refused', reason }) as const;
const unreadable = {
  type: 'opened',
  message: { folder: 'INBOX', uidValidity: '7', uid: 1 },
  verdict: { kind: 'unreadable', reason: 'No key fits.' },
} as const;

function setting(): { readonly tally: Tally; at(now: number): void } {
  let now = 1000;
  return {
    tally: createTally({ now: () => now }),
    at: (next) => {
      now = next;
    },
  };
}

describe('the tally', () => {
  it('counts how pushes ended, by channel and in all', () => {
    const { tally, at } = setting();
    tally.ended('a', delivered);
    at(2000);
    tally.ended('a', delivered);
    tally.ended('b', { kind: 'expired' });
    tally.happened('b', unreadable);
    expect(tally.of('a')).toMatchObject({ ended: { delivered: 2, expired: 0 }, unreadable: 0, lastDeliveredAt: 2000 });
    expect(tally.of('b')).toMatchObject({ ended: { delivered: 0, expired: 1 }, unreadable: 1 });
    expect(tally.total()).toMatchObject({ ended: { delivered: 2, expired: 1 }, unreadable: 1, lastDeliveredAt: 2000 });
    expect(tally.lastDeliveredTo).toBe('a');
  });

  it('keeps why pushes were refused, and the last refusal of a channel', () => {
    const { tally, at } = setting();
    tally.ended('a', refused('It is not signed.'));
    at(2000);
    for (const channel of ['a', 'b']) tally.ended(channel, refused('It was made for another channel.'));
    expect(tally.refusals()).toEqual([
      { reason: 'It was made for another channel.', count: 2 },
      { reason: 'It is not signed.', count: 1 },
    ]);
    expect(tally.of('a').lastRefusal).toEqual({ reason: 'It was made for another channel.', at: 2000 });
  });

  it('has a bound for reasons, which others can make up', () => {
    const { tally } = setting();
    for (let index = 0; index < 1000; index += 1) tally.ended('a', refused(`${index} ${'x'.repeat(10_000)}`));
    const refusals = tally.refusals();
    expect(refusals).toHaveLength(51);
    expect(refusals[0]).toEqual({ reason: 'Other reasons.', count: 950 });
    expect(refusals[1]?.reason).toHaveLength(200);
    expect(tally.of('a').lastRefusal?.reason).toHaveLength(200);
  });

  it('forgets a channel, and keeps what it added to the total', () => {
    const { tally } = setting();
    tally.ended('a', delivered);
    tally.forget('a');
    expect(tally.of('a').ended.delivered).toBe(0);
    expect(tally.total().ended.delivered).toBe(1);
  });
});
