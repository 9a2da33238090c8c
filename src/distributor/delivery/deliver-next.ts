import { compareMessages, type MessageRef } from '../../imap/index.js';
import { isUnderWay } from './batch.js';
import { type Draft, isStubborn } from './draft.js';
import type { ChannelState, Effect } from './state.js';

/**
 * Delivers one at a time, in mailbox order: what could turn out to come before it is opened first, and so is the batch it is
 * in. What waits, is held or parked, or cannot be fetched, is passed over.
 */
export function deliverNext(
  pushes: readonly Draft[],
  { backlog: [oldestUnopened], batchEnd, unreachable }: Pick<ChannelState, 'backlog' | 'batchEnd' | 'unreachable'>,
  now: number,
  effects: Effect[],
): void {
  if ((unreachable?.retryAt ?? 0) > now || pushes.some(isUnderWay)) return;
  if (pushes.some((push) => isGathering(push, batchEnd))) return;
  for (const push of pushes) {
    const { stage } = push;
    if (oldestUnopened !== undefined && compareMessages(oldestUnopened, push.message) < 0) return;
    if ((stage.name === 'found' || stage.name === 'opening') && !isStubborn(push)) return;
    if (stage.name !== 'deliverable') continue;
    if (stage.retryAt > now) return;
    push.stage = { name: 'delivering', push: stage.push };
    effects.push({ type: 'deliver', message: push.message, push: stage.push });
    return;
  }
}

/** A part of the batch is just being opened. One that cannot be fetched now does not hold up those before it. */
function isGathering(push: Draft, batchEnd: MessageRef | undefined): boolean {
  if (push.stage.name !== 'opening' || isStubborn(push)) return false;
  return batchEnd !== undefined && compareMessages(push.message, batchEnd) <= 0;
}
