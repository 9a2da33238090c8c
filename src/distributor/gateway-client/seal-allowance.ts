import { hasLeft, nextAt, spend, timely } from '../delivery/index.js';
import type { App, GatewayState } from './state.js';

/**
 * A gateway seals so many endpoints a day for a mailbox (docs/gateway.md, Limits). One app that registers and unregisters without
 * end, or changes its VAPID key all the time, must not use up those of all others.
 */
function fullAt({ seals, times }: GatewayState, { service }: Pick<App, 'service'>, now: number): number {
  return timely(seals.get(service) ?? 0, times.sealsOfApp, now);
}

/** Whether one more endpoint may be sealed for the app now. */
export function maySeal(state: GatewayState, app: App, now: number): boolean {
  return hasLeft(fullAt(state, app, now), state.times.sealsOfApp, now);
}

/** When that may be. */
export function maySealAt(state: GatewayState, app: App, now: number): number {
  return nextAt(fullAt(state, app, now), state.times.sealsOfApp);
}

/** The state after one more. */
export function sealSpent(state: GatewayState, app: App, now: number): GatewayState {
  const others = [...state.seals].filter(([service, at]) => service !== app.service && at > now);
  const spent = spend(fullAt(state, app, now), state.times.sealsOfApp, now);
  return { ...state, seals: new Map(others).set(app.service, spent) };
}
