import { describe, expect, it } from 'vitest';
import { type ChannelSummary, initialChannelState, nobody, summarize } from '../delivery/index.js';
import { addWaiting, nothingWaits, sumOf, waitingOf } from './waiting.js';

const nothing = summarize(initialChannelState({ trust: nobody, retired: false, keepRejected: false }), 0);
const unreachable = { since: 0, retryAt: 0 };

describe('what open pushes wait for', () => {
  it.each([
    ['nothing', {}, {}],
    ['their turn', { deliverable: 3 }, { turn: 3 }],
    ['time to go by, because there were too many', { deliverable: 3, isDelayed: true }, { rate: 3 }],
    ['an app that is not there', { deliverable: 3, unreachable }, { app: 3 }],
    ['an app that refuses them', { deliverable: 2, parked: 1, refusedByApp: 2 }, { turn: 1, refusedByApp: 2 }],
    [
      'an app that has refused some and is gone',
      { deliverable: 2, parked: 1, refusedByApp: 2, unreachable },
      { app: 2, refusedByApp: 1 },
    ],
    [
      'an app that has refused one that is opened once more',
      { unopened: 1, refusedByApp: 1 },
      { unopened: 1, refusedByApp: 0 },
    ],
    [
      'all the rest',
      { unopened: 1, waitingForKey: 2, early: 3, held: 4, ending: 5 },
      { unopened: 1, key: 2, clock: 3, urgency: 4, removal: 5 },
    ],
  ] as const)('is told of %s', (_, summary: Partial<ChannelSummary>, expected) => {
    expect(waitingOf({ ...nothing, ...summary })).toEqual({ ...nothingWaits, ...expected });
  });

  it('adds up', () => {
    const one = { ...nothingWaits, key: 1, app: 2 };
    expect(addWaiting(one, { ...nothingWaits, app: 3, removal: 4 })).toEqual({
      ...nothingWaits,
      key: 1,
      app: 5,
      removal: 4,
    });
    expect(sumOf(one)).toBe(3);
  });
});
