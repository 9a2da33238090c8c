import { describe, expect, it } from 'vitest';
import { GatewayClientError } from './errors.js';
import { nextAskAt } from './grant-request.js';
import { type GatewayState, initialGatewayState } from './state.js';
import { step } from './step.js';
import { gatewayTimes } from './times.js';

const start = Date.UTC(2026, 0, 1);
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const first = initialGatewayState({
  url: 'https://push.example.org',
  address: 'alice@example.org',
  isFormer: false,
  times: gatewayTimes,
});
const waiting: GatewayState['request'] = { stage: 'waiting', channel: 'c', nonce: 'n', since: start };

describe('a grant', () => {
  it('is asked for at once, and again and again ever more slowly, but no oftener than a gateway answers', () => {
    const times: number[] = [];
    let state: GatewayState = first;
    for (let now = start; now < start + 2 * dayMs; ) {
      const at = nextAskAt(state, now) ?? Number.NaN;
      times.push(at);
      now = at;
      state = { ...state, request: waiting, mailed: [...state.mailed, now] };
    }
    expect(times.slice(0, 6).map((at) => (at - start) / minuteMs)).toEqual([0, 70, 210, 490, 850, 1440]);
    for (const at of times) {
      expect(times.filter((other) => other > at - dayMs && other <= at).length).toBeLessThanOrEqual(5);
    }
  });

  it('is renewed when a third of its life is left, and asked for once more when that has failed for long', () => {
    const grant = { token: 'g', expires: start + 90 * dayMs, renewAt: start + 60 * dayMs };
    const granted = { ...first, grant, mailed: [start] };
    expect(nextAskAt(granted, start)).toBe(start + 60 * dayMs);
    expect(nextAskAt({ ...granted, mailed: [start + 60 * dayMs], request: waiting }, start + 60 * dayMs)).toBe(
      start + 60 * dayMs + 70 * minuteMs,
    );
  });

  it('is not asked for twice at once, nor of a former gateway', () => {
    expect(nextAskAt({ ...first, request: { ...waiting, stage: 'sending' }, isAsking: true }, start)).toBeUndefined();
    expect(nextAskAt({ ...first, isAsking: true }, start)).toBeUndefined();
    expect(nextAskAt({ ...first, request: { stage: 'preparing' } }, start)).toBeUndefined();
    expect(nextAskAt({ ...first, isFormer: true }, start)).toBeUndefined();
  });

  it('does not wait for what a clock that was ahead has written down', () => {
    expect(nextAskAt({ ...first, mailed: [start + 300 * dayMs] }, start)).toBe(start);
  });

  it('is asked for with the same words after a failure, as the mail may be under way for all that', () => {
    const failure = new GatewayClientError('ERR_GATEWAY_UNREACHABLE', 'The gateway cannot be reached: wait.');
    const sending: GatewayState = { ...first, underWay: 1, isAsking: true, request: { ...waiting, stage: 'sending' } };
    const after = step(sending, { type: 'ask failed', failure, now: start, chance: 0 });
    expect(after.effects).toEqual([]);
    const again = step(after.state, { type: 'time passed', now: start + dayMs, chance: 0 });
    expect(again.effects).toEqual([{ type: 'ask', channel: 'c', nonce: 'n' }]);
    expect(again.state.request.stage).toBe('sending');
  });
});
