import { hasLeft, nextAt } from './allowance.js';
import { isUnopened } from './besieged.js';
import type { ChannelState, OpenPush } from './state.js';
import { lastPushLimit, pushLimit, vainLimit } from './timing.js';

/**
 * When something is due next without any event from outside, in ms since 1970; undefined when nothing is. What was due by
 * `now` and is not under way waits for something else than time.
 */
export function nextDue(state: ChannelState, now: number): number | undefined {
  const reachableAt = state.unreachable?.retryAt ?? 0;
  const dues = state.pushes.flatMap((push) => duesOf(push, reachableAt));
  const postponed = state.postponed[0]?.retryAt;
  if (postponed !== undefined) dues.push(postponed);
  dues.push(...allowanceDues(state, now));
  return dues.filter((due) => due > now).reduce<number | undefined>((a, b) => Math.min(a ?? b, b), undefined);
}

/** When there is something of an allowance again that is waited for. */
function allowanceDues({ pushes, backlog, besieged, pushesFullAt, vainFullAt }: ChannelState, now: number): number[] {
  const vain = besieged !== undefined && isUnopened(pushes, backlog) ? [nextAt(vainFullAt, vainLimit)] : [];
  if (hasLeft(pushesFullAt, pushLimit, now)) return vain;
  const delayed = pushes.flatMap(({ stage }) => (stage.name === 'deliverable' ? [stage.push.holdUntil] : []));
  const anyhow = delayed.length > 0 ? [nextAt(pushesFullAt, pushLimit), nextAt(pushesFullAt, lastPushLimit)] : [];
  return [...vain, ...delayed, ...anyhow];
}

function duesOf({ stage }: OpenPush, reachableAt: number): readonly number[] {
  switch (stage.name) {
    case 'found':
      return [stage.retryAt];
    case 'waiting for key':
      return [stage.until];
    case 'early':
      return [stage.notBefore, stage.until];
    case 'held':
      return [stage.label.holdUntil, stage.label.liveUntil];
    case 'parked':
      return [stage.retryAt, stage.label.liveUntil];
    case 'deliverable':
      return [stage.push.liveUntil, Math.max(stage.retryAt, reachableAt)];
    case 'settled':
    case 'recorded':
      return [stage.retryAt];
    case 'opening':
    case 'delivering':
      return [];
  }
}
