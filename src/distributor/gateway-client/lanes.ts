import type { Failure } from './errors.js';
import type { GatewayState, Lane, LaneState } from './state.js';
import type { GatewayTimes } from './times.js';

/** Whether it passes by itself. */
export const passes = ({ code }: Pick<Failure, 'code'>): boolean =>
  code === 'ERR_GATEWAY_UNREACHABLE' || code === 'ERR_GATEWAY_BUSY';

/**
 * The pause after so many failures in a row, in milliseconds: it doubles each time up to a limit, and is spread by a quarter
 * to both sides; never shorter than what the gateway asks for within reason.
 */
export function pauseMs(failure: Failure, failures: number, chance: number, times: GatewayTimes): number {
  const [first, max] = passes(failure)
    ? [times.retryFirstMs, times.retryMaxMs]
    : [times.refusedFirstMs, times.refusedMaxMs];
  const own = Math.min(max, first * 2 ** Math.min(30, failures - 1)) * (0.75 + chance / 2);
  const wanted = Math.min(times.retryAfterMaxMs, failure.retryAfterMs ?? 0) * (1 + chance / 10);
  return Math.max(own, wanted);
}

function withLane(state: GatewayState, lane: Lane, next: LaneState): GatewayState {
  return { ...state, lanes: { ...state.lanes, [lane]: next } };
}

/** A request of this kind has failed: all of them wait. */
export function failed(
  state: GatewayState,
  lane: Lane,
  failure: Failure,
  { now, chance }: { readonly now: number; readonly chance: number },
): GatewayState {
  const before = state.lanes[lane];
  // Of several at once only the first counts, and the longest pause holds.
  const isOne = before.failure !== undefined && before.until > now;
  const failures = before.failures + (isOne ? 0 : 1);
  const since = before.failure === undefined ? now : before.since;
  const until = Math.max(before.until, now + pauseMs(failure, failures, chance, state.times));
  return withLane(state, lane, { failures, until, failure, since });
}

/** A request of this kind was answered. A pause that another one has brought on stays. */
export function succeeded(state: GatewayState, lane: Lane): GatewayState {
  return withLane(state, lane, { failures: 0, until: state.lanes[lane].until, failure: undefined, since: 0 });
}

/** The network is another: whatever could not be reached is tried at once. */
export function reopened(state: GatewayState, now: number): GatewayState {
  return (Object.keys(state.lanes) as Lane[]).reduce((so, lane) => {
    const before = so.lanes[lane];
    if (before.failure?.code !== 'ERR_GATEWAY_UNREACHABLE' || before.until <= now) return so;
    return withLane(so, lane, { ...before, failures: 0, until: now });
  }, state);
}

const minuteMs = 60_000;

/** One more request has begun. */
export function began(state: GatewayState, now: number): GatewayState {
  return {
    ...state,
    underWay: state.underWay + 1,
    began: [...state.began.filter((at) => at > now - minuteMs && at <= now), now],
  };
}

/** When the next request may begin at the earliest, as to how many there were within a minute. */
export function roomAt({ began: all, times }: GatewayState): number {
  const first = all.at(-times.perMinute);
  return first === undefined ? 0 : first + minuteMs;
}
