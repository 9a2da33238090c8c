import type { GatewayState } from './state.js';

const dayMs = 24 * 60 * 60_000;

/** The mails that still count against the limit of a day. */
export function recentlyMailed(mailed: readonly number[], now: number): readonly number[] {
  // A clock that was set back must not make us wait for what lies in its future.
  return mailed.filter((at) => at > now - dayMs && at <= now);
}

/** A grant that can be used. */
export function usableGrant({ grant }: GatewayState, now: number): string | undefined {
  return grant !== undefined && grant.expires > now ? grant.token : undefined;
}

/**
 * When the next grant is to be asked for; undefined: none is wanted, or one is being asked for. Each mail that came to nothing
 * makes the pause longer, and the limits of a gateway (docs/gateway.md) are never reached.
 */
export function nextAskAt(state: GatewayState, now: number): number | undefined {
  const { request, isAsking, grant, lanes, times, isFormer } = state;
  if (isFormer || isAsking || request.stage === 'preparing') return undefined;
  const wantedAt = grant === undefined ? now : grant.renewAt;
  const mailed = recentlyMailed(state.mailed, now);
  const last = mailed.at(-1);
  const pause = Math.min(times.repeatGrantMaxMs, times.repeatGrantMs * 2 ** (mailed.length - 1));
  const spaced = last === undefined ? now : last + pause;
  const daily = mailed.length < times.grantsPerDay ? now : (mailed.at(-times.grantsPerDay) ?? now) + dayMs;
  return Math.max(wantedAt, lanes.grant.until, spaced, daily);
}
