import type { ChannelSummary } from '../delivery/index.js';
import type { Waiting } from './status.js';

/** Nothing waits. */
export const nothingWaits: Waiting = {
  unopened: 0,
  key: 0,
  clock: 0,
  urgency: 0,
  rate: 0,
  turn: 0,
  app: 0,
  refusedByApp: 0,
  removal: 0,
};

/** What the open pushes of one channel wait for. */
export function waitingOf(summary: ChannelSummary): Waiting {
  const { deliverable, parked, unreachable, isDelayed } = summary;
  // Of those that the app refuses some are not parked yet.
  const refused = unreachable === undefined ? Math.min(deliverable, Math.max(0, summary.refusedByApp - parked)) : 0;
  return {
    unopened: summary.unopened,
    key: summary.waitingForKey,
    clock: summary.early,
    urgency: summary.held,
    rate: unreachable === undefined && isDelayed ? deliverable - refused : 0,
    turn: unreachable === undefined && !isDelayed ? deliverable - refused : 0,
    app: unreachable === undefined ? 0 : deliverable,
    refusedByApp: parked + refused,
    removal: summary.ending,
  };
}

/** Both together. */
export function addWaiting(a: Waiting, b: Waiting): Waiting {
  return {
    unopened: a.unopened + b.unopened,
    key: a.key + b.key,
    clock: a.clock + b.clock,
    urgency: a.urgency + b.urgency,
    rate: a.rate + b.rate,
    turn: a.turn + b.turn,
    app: a.app + b.app,
    refusedByApp: a.refusedByApp + b.refusedByApp,
    removal: a.removal + b.removal,
  };
}

/** How many pushes wait, for whatever. */
export function sumOf(waiting: Waiting): number {
  return Object.values(waiting).reduce((sum: number, count: number) => sum + count, 0);
}
