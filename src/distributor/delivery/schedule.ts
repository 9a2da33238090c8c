import { bound } from './aside.js';
import { batchEnd } from './batch.js';
import { deliverNext } from './deliver-next.js';
import { type Draft, settled } from './draft.js';
import { end } from './ends.js';
import { openNext } from './open-next.js';
import type { ChannelState, Effect } from './state.js';
import { superseded } from './topics.js';

/** Finds everything that may happen now: what ends by itself, the one opening, the one delivery, records and removals. */
export function schedule(before: ChannelState, now: number): { state: ChannelState; effects: Effect[] } {
  const effects: Effect[] = [];
  const timely: Draft[] = before.pushes.map((push) => ({ ...push, stage: end(push, before, now) }));
  for (const push of superseded(timely)) {
    (push as Draft).stage = settled({ kind: 'superseded' }, now);
  }
  const { pushes, postponed, ...waiting } = bound(timely, before, now);
  const batch = batchEnd(before.batchEnd, pushes, waiting.backlog);
  const backlog = openNext(pushes, waiting.backlog, now, effects);
  deliverNext(pushes, { backlog, batchEnd: batch, unreachable: before.unreachable }, now, effects);
  for (const push of pushes) record(push, before, now, effects);
  const kept = pushes.filter((push) => !leave(push, before, effects));
  for (const push of kept) remove(push, now, effects);
  return { state: { ...before, backlog, pushes: kept, postponed, batchEnd: batch }, effects };
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
