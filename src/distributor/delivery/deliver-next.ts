import { compareMessages, type MessageRef } from '../../imap/index.js';
import { hasLeft } from './allowance.js';
import { isUnderWay } from './batch.js';
import { type Draft, isStubborn } from './draft.js';
import type { ChannelState, Effect, PushLabel } from './state.js';
import { lastPushLimit, pushLimit } from './timing.js';

type Before = Pick<ChannelState, 'backlog' | 'batchEnd' | 'unreachable' | 'besieged' | 'pushesFullAt'>;

/**
 * Delivers one at a time, in mailbox order: what could turn out to come before it is opened first, and so is the batch it is
 * in. What waits, is held or parked, or cannot be fetched, is passed over; by a channel that is besieged all that is unopened.
 */
export function deliverNext(
  pushes: readonly Draft[],
  { backlog: [oldestUnopened], batchEnd, unreachable, besieged, pushesFullAt }: Before,
  now: number,
  effects: Effect[],
): void {
  if ((unreachable?.retryAt ?? 0) > now || pushes.some(isUnderWay)) return;
  const isBesieged = besieged !== undefined;
  if (!isBesieged && pushes.some((push) => isGathering(push, batchEnd))) return;
  for (const push of pushes) {
    const { stage } = push;
    if (!isBesieged && oldestUnopened !== undefined && compareMessages(oldestUnopened, push.message) < 0) return;
    if (!isBesieged && (stage.name === 'found' || stage.name === 'opening') && !isStubborn(push)) return;
    if (stage.name !== 'deliverable') continue;
    if (stage.retryAt > now) return;
    if (!isAllowed(stage.push, pushesFullAt, now)) continue;
    push.stage = { name: 'delivering', push: stage.push };
    effects.push({ type: 'deliver', message: push.message, push: stage.push });
    return;
  }
}

/** Only so many pushes an hour; of those beyond first come the ones whose TTL ends soon, and they are bounded too. */
function isAllowed({ holdUntil }: PushLabel, fullAt: number, now: number): boolean {
  return hasLeft(fullAt, pushLimit, now) || (holdUntil <= now && hasLeft(fullAt, lastPushLimit, now));
}

/** A part of the batch is just being opened. One that cannot be fetched now does not hold up those before it. */
function isGathering(push: Draft, batchEnd: MessageRef | undefined): boolean {
  if (push.stage.name !== 'opening' || isStubborn(push)) return false;
  return batchEnd !== undefined && compareMessages(push.message, batchEnd) <= 0;
}
