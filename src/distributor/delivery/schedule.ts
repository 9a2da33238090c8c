import { hasLeft, timely } from './allowance.js';
import { bound } from './aside.js';
import { batchEnd } from './batch.js';
import { isUnopened, openBesieged } from './besieged.js';
import { deliverNext } from './deliver-next.js';
import { type Draft, settled } from './draft.js';
import { end } from './ends.js';
import { openNext } from './open-next.js';
import type { ChannelState, Effect } from './state.js';
import { lastPushLimit, vainLimit } from './timing.js';
import { superseded } from './topics.js';

/** Finds everything that may happen now: what ends by itself, the one opening, the one delivery, records and removals. */
export function schedule(before: ChannelState, now: number): { state: ChannelState; effects: Effect[] } {
  const effects: Effect[] = [];
  const drafts: Draft[] = before.pushes.map((push) => ({ ...push, stage: end(push, before, now) }));
  for (const push of superseded(drafts)) {
    (push as Draft).stage = settled({ kind: 'superseded' }, now);
  }
  const { pushes, postponed, ...waiting } = bound(drafts, before, now);
  const batch = batchEnd(before.batchEnd, pushes, waiting.backlog);
  const pushesFullAt = timely(before.pushesFullAt, lastPushLimit, now);
  const vainFullAt = timely(before.vainFullAt, vainLimit, now);
  const isOver = !isUnopened(pushes, waiting.backlog) && hasLeft(vainFullAt, vainLimit, now);
  const isBesieged = before.besieged !== undefined && !isOver;
  const besieged = isBesieged ? before.besieged : undefined;
  const unopened = { backlog: waiting.backlog, besieged, vainFullAt };
  const next = isBesieged
    ? openBesieged(pushes, unopened, now, effects)
    : { ...unopened, backlog: openNext(pushes, waiting.backlog, now, effects) };
  deliverNext(pushes, { ...before, ...next, pushesFullAt, batchEnd: batch }, now, effects);
  for (const push of pushes) record(push, before, now, effects);
  const kept = pushes.filter((push) => !leave(push, before, effects));
  for (const push of kept) remove(push, now, effects);
  return { state: { ...before, ...next, pushes: kept, postponed, batchEnd: batch, pushesFullAt }, effects };
}

function record(push: Draft, { trust }: ChannelState, now: number, effects: Effect[]): void {
  const { stage, message } = push;
  if (stage.name !== 'settled' || stage.recording || stage.retryAt > now) return;
  push.stage = { ...stage, recording: true };
  effects.push({ type: 'record', message, outcome: stage.outcome, mark: stage.mark, trust });
}

/** A refused push that the user wants to keep is let go of as soon as its refusal is on disk. */
function leave({ message, stage }: Draft, { keepRejected }: ChannelState, effects: Effect[]): boolean {
  if (!keepRejected || stage.name !== 'recorded' || stage.outcome.kind !== 'refused') return false;
  effects.push({ type: 'leave', message, reason: stage.outcome.reason });
  return true;
}

function remove(push: Draft, now: number, effects: Effect[]): void {
  const { stage, message } = push;
  if (stage.name !== 'recorded' || stage.removing || stage.retryAt > now) return;
  push.stage = { ...stage, removing: true };
  effects.push({ type: 'remove', message });
}
