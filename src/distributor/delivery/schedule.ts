import { compareMessages, type MessageRef } from '../../imap/index.js';
import type { ChannelState, Effect, OpenPush, Outcome, Stage } from './state.js';
import { asideFailures, openAhead } from './timing.js';

/** Finds everything that may happen now: the one delivery, openings, records and removals. */
export function schedule(before: ChannelState, now: number): { state: ChannelState; effects: Effect[] } {
  const effects: Effect[] = [];
  const pushes: Draft[] = before.pushes.map((push) => ({ ...push, stage: end(push.stage, before.retired, now) }));
  deliverNext(pushes, before.backlog, before.unreachable?.retryAt ?? 0, now, effects);
  const backlog = openNext(pushes, before.backlog, now, effects);
  for (const push of pushes) {
    const { stage } = push;
    if (stage.name === 'settled' && !stage.recording && stage.retryAt <= now) {
      push.stage = { ...stage, recording: true };
      effects.push({ type: 'record', message: push.message, outcome: stage.outcome, pin: before.pin });
    }
  }
  const kept = pushes.filter((push) => !leave(push, before.keepRejected, effects));
  for (const push of kept) {
    const { stage } = push;
    if (stage.name === 'recorded' && !stage.removing && stage.retryAt <= now) {
      push.stage = { ...stage, removing: true };
      effects.push({ type: 'remove', message: push.message });
    }
  }
  return { state: { ...before, backlog, pushes: kept }, effects };
}

/**
 * When something is due next without any event from outside, in ms since 1970; undefined when nothing is. What was due by
 * `now` and is not under way waits for something else than time.
 */
export function nextDue(state: ChannelState, now: number): number | undefined {
  const dues = state.pushes.flatMap(({ stage }): number[] => {
    switch (stage.name) {
      case 'found':
        return [stage.retryAt];
      case 'waiting for key':
        return [stage.until];
      case 'deliverable':
        return [stage.push.liveUntil, Math.max(stage.retryAt, state.unreachable?.retryAt ?? 0)];
      case 'parked':
        return [stage.retryAt, stage.until];
      case 'settled':
      case 'recorded':
        return [stage.retryAt];
      case 'opening':
      case 'delivering':
        return [];
    }
  });
  return dues.filter((due) => due > now).reduce<number | undefined>((a, b) => Math.min(a ?? b, b), undefined);
}

/** A push whose next stage is being worked out. */
interface Draft {
  readonly message: MessageRef;
  readonly refusals: number;
  readonly failures: number;
  stage: Stage;
}

/** A refused push that the user wants to keep is let go of as soon as its refusal is on disk. */
function leave({ message, stage }: Draft, keepRejected: boolean, effects: Effect[]): boolean {
  if (!keepRejected || stage.name !== 'recorded' || stage.outcome.kind !== 'refused') return false;
  effects.push({ type: 'leave', message, reason: stage.outcome.reason });
  return true;
}

function settle(outcome: Outcome, now: number): Stage {
  return { name: 'settled', outcome, retryAt: now, recording: false };
}

/** What ends by itself: with its registration, or with its time. */
function end(stage: Stage, retired: boolean, now: number): Stage {
  switch (stage.name) {
    case 'waiting for key':
    case 'parked':
      if (retired) return settle({ kind: 'retired' }, now);
      if (stage.until <= now) return settle({ kind: 'expired' }, now);
      return stage.name === 'parked' && stage.retryAt <= now ? { name: 'found', retryAt: now } : stage;
    case 'deliverable':
      if (retired) return settle({ kind: 'retired' }, now);
      return stage.push.liveUntil <= now ? settle({ kind: 'expired' }, now) : stage;
    case 'found':
    case 'opening':
    case 'delivering':
    case 'settled':
    case 'recorded':
      return stage;
  }
}

/** Its app is being given it, or has got it and that is not on disk yet: a crash can repeat one push per channel at most. */
const isUnderWay = ({ stage }: Pick<OpenPush, 'stage'>): boolean =>
  stage.name === 'delivering' || (stage.name === 'settled' && stage.outcome.kind === 'delivered');

/** The mail server does not give it: it holds up nobody. */
const isAside = ({ failures }: Pick<OpenPush, 'failures'>): boolean => failures >= asideFailures;

/** One at a time, in mailbox order; a push that has not been opened yet holds up those behind it. */
function deliverNext(
  pushes: readonly Draft[],
  [oldestUnopened]: readonly MessageRef[],
  reachableAt: number,
  now: number,
  effects: Effect[],
): void {
  if (reachableAt > now || pushes.some(isUnderWay)) return;
  for (const push of pushes) {
    const { stage } = push;
    if (oldestUnopened !== undefined && compareMessages(oldestUnopened, push.message) < 0) return;
    if ((stage.name === 'found' || stage.name === 'opening') && !isAside(push)) return;
    if (stage.name !== 'deliverable') continue;
    if (stage.retryAt > now) return;
    push.stage = { name: 'delivering', push: stage.push };
    effects.push({ type: 'deliver', message: push.message, push: stage.push });
    return;
  }
}

/** Opens one at a time, in mailbox order, and only so many ahead that memory stays bounded. Gives what is left to open. */
function openNext(
  pushes: Draft[],
  backlog: readonly MessageRef[],
  now: number,
  effects: Effect[],
): readonly MessageRef[] {
  const inMemory = pushes.filter(({ stage }) => stage.name === 'deliverable' || stage.name === 'delivering').length;
  if (inMemory >= openAhead || pushes.some(({ stage }) => stage.name === 'opening')) return backlog;
  const oldest = backlog[0];
  const isDue = ({ stage }: Draft): boolean => stage.name === 'found' && stage.retryAt <= now;
  const again = pushes.find((push) => isDue(push) || (push.stage.name === 'found' && !isAside(push)));
  if (again !== undefined && (oldest === undefined || compareMessages(again.message, oldest) < 0)) {
    if (isDue(again)) {
      again.stage = { name: 'opening' };
      effects.push({ type: 'open', message: again.message });
    }
    return backlog;
  }
  if (oldest === undefined) return backlog;
  effects.push({ type: 'open', message: oldest });
  const after = pushes.findIndex(({ message }) => compareMessages(message, oldest) > 0);
  pushes.splice(after < 0 ? pushes.length : after, 0, {
    message: oldest,
    refusals: 0,
    failures: 0,
    stage: { name: 'opening' },
  });
  return backlog.slice(1);
}
