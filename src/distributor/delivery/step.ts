import { compareMessages, type MessageRef, sameMessage } from '../../imap/index.js';
import { hasLeft, spend } from './allowance.js';
import { release } from './aside.js';
import { settled } from './draft.js';
import { schedule } from './schedule.js';
import type { ChannelState, DeliveryEvent, Effect, OpenPush, Outcome, Push, Stage, Verdict } from './state.js';
import {
  firstRefusalMs,
  lastPushLimit,
  maxFailures,
  maxRefusals,
  parkedRetryMs,
  recordRetryMs,
  refusedPauseMaxMs,
  reopenMs,
  settleRetryMs,
  unreachableFirstMs,
  unreachableMaxMs,
  vainLimit,
} from './timing.js';
import { markOf } from './topics.js';
import { sameTrust, type Trust } from './trust.js';

/** The new state, and what has to be done because of it, in this order. */
export interface Step {
  readonly state: ChannelState;
  readonly effects: readonly Effect[];
}

/**
 * Decides what happens to the pushes of one channel. Pure: no clock, no I/O, the same answer for the same question.
 *
 * | stage           | event                    | next stage                                                 |
 * |-----------------|--------------------------|------------------------------------------------------------|
 * | —               | found                    | in the backlog                                             |
 * | backlog, found  | its turn                 | opening → effect `open`                                    |
 * | opening         | opened                   | deliverable, waiting for key, early, settled;              |
 * |                 |                          | unreadable → — (effect `leave`)                            |
 * | opening         | open failed              | found, again later; refused for a day → — (effect `leave`) |
 * | waiting for key | who may push has changed | found                                                      |
 * | early           | its time has come        | found                                                      |
 * | deliverable     | less urgent than asked   | held                                                       |
 * | held            | less is asked for;       | found                                                      |
 * |                 | its TTL ends soon        |                                                            |
 * | deliverable     | its turn                 | delivering → effect `deliver`                              |
 * | deliverable     | a copy recorded          | settled (duplicate)                                        |
 * | deliverable     | room for an earlier one  | found                                                      |
 * | delivering      | accepted                 | settled (delivered) → effect `record`                      |
 * | delivering      | unwanted                 | settled (refused) → effect `record`                        |
 * | delivering      | refused by app           | deliverable, again later; the fifth time parked            |
 * | delivering      | app unreachable          | deliverable; the whole channel waits                       |
 * | parked          | its time, app appeared   | found                                                      |
 * | waiting for key, early, held, parked | there are too many | postponed                                   |
 * | postponed       | room; its time; whatever its stage waits for | in the backlog                         |
 * | deliverable, held, parked | a later one of its topic is open | settled (superseded)                     |
 * | deliverable, held, parked, waiting for key, early | its TTL ends | settled (expired)                    |
 * | the same        | retired                  | settled (retired)                                          |
 * | settled         | recorded                 | recorded → effect `remove`                                 |
 * | settled         | record failed            | settled, again later                                       |
 * | recorded        | removed                  | — (out of the mailbox)                                     |
 * | recorded        | remove failed            | recorded, again later or when it is found again;           |
 * |                 |                          | refused for a day → — (effect `leave`)                     |
 * | any             | gone, renumbered         | — (unless its answer is still on the way to disk)          |
 *
 * In mailbox order, one at a time, and not more than `pushLimit` in an hour: what is deliverable beyond stays so. A push that waits, is early, held, parked or postponed stands aside and blocks nothing.
 * A batch of pushes is opened before the first of it is delivered, so that of one topic only the latest is.
 * `found` for a push that is known already means that the connection is new: whatever waited for one is tried at once.
 * A channel for which too much is opened in vain is besieged: it gives up the order, see `ChannelState`.
 * An event that does not fit the stage (an answer that comes late) changes nothing.
 */
export function step(state: ChannelState, event: DeliveryEvent): Step {
  const moved = move(state, event);
  const scheduled = schedule(moved.state, event.now);
  return { state: scheduled.state, effects: [...moved.effects, ...scheduled.effects] };
}

const unchanged = (state: ChannelState): Step => ({ state, effects: [] });

function withStage(
  state: ChannelState,
  message: MessageRef,
  change: (push: OpenPush) => Partial<OpenPush>,
): ChannelState {
  return {
    ...state,
    pushes: state.pushes.map((push) => (sameMessage(push.message, message) ? { ...push, ...change(push) } : push)),
  };
}

const without = (state: ChannelState, message: MessageRef): ChannelState => ({
  ...state,
  pushes: state.pushes.filter((push) => !sameMessage(push.message, message)),
});

function pushOf(state: ChannelState, message: MessageRef): OpenPush | undefined {
  return state.pushes.find((push) => sameMessage(push.message, message));
}

const stageOf = (state: ChannelState, message: MessageRef): Stage | undefined => pushOf(state, message)?.stage;

/** The mail stays where it is, for good. */
const left = (state: ChannelState, message: MessageRef, reason: string): Step => ({
  state: without(state, message),
  effects: [{ type: 'leave', message, reason }],
});

/** What the event itself changes; `schedule` then finds what may happen next. */
function move(state: ChannelState, event: DeliveryEvent): Step {
  switch (event.type) {
    case 'found':
      return unchanged(found(state, event.messages, event.now));
    case 'gone':
      return unchanged(gone(state, event.message));
    case 'renumbered':
      return unchanged(renumbered(state, event.folder));
    case 'opened':
      return stageOf(state, event.message)?.name === 'opening'
        ? opened(afterOpening(state, event.verdict, event.now), event.message, event.verdict, event.now)
        : unchanged(state);
    case 'open failed':
    case 'remove failed':
      return mailFailed(state, event);
    case 'accepted':
      return taken(state, event.message, event.now, (push) => accepted(push, event.message, event.now));
    case 'refused by app':
      return refusedByApp(state, event.message, event.now);
    case 'app unreachable':
      return appUnreachable(state, event.message, event.now);
    case 'unwanted':
      return taken(state, event.message, event.now, () => settled(unwanted, event.now));
    case 'app appeared':
      return unchanged(appAppeared(state, event.now));
    case 'recorded':
      return recorded(state, event.message, event.now);
    case 'record failed':
      return ifStage(state, event.message, 'settled', ({ stage }) => ({
        stage: { ...stage, recording: false, retryAt: event.now + recordRetryMs },
      }));
    case 'removed':
      return stageOf(state, event.message)?.name === 'recorded'
        ? unchanged(without(state, event.message))
        : unchanged(state);
    case 'retired':
      return unchanged({ ...release(state, ['waiting for key', 'early', 'held', 'parked']), retired: true });
    case 'minimum urgency':
      return unchanged({ ...release(state, ['held']), minimum: event.minimum });
    case 'trust changed':
      return unchanged(trusting(state, event.trust, event.now));
    case 'time passed':
      return unchanged(state);
  }
}

function ifStage<Name extends Stage['name']>(
  state: ChannelState,
  message: MessageRef,
  name: Name,
  change: (push: OpenPush & { readonly stage: Extract<Stage, { name: Name }> }) => Partial<OpenPush>,
): Step {
  type Fitting = OpenPush & { readonly stage: Extract<Stage, { name: Name }> };
  const fits = (push: OpenPush): push is Fitting => push.stage.name === name;
  return unchanged(withStage(state, message, (push) => (fits(push) ? change(push) : {})));
}

type FailedEvent = Extract<DeliveryEvent, { type: 'open failed' | 'remove failed' }>;

/** Tried again after a while; a server that goes on saying no is asked less and less often, and in the end no more. */
function mailFailed(state: ChannelState, { type, message, refused, now }: FailedEvent): Step {
  const push = pushOf(state, message);
  const expected = type === 'open failed' ? 'opening' : 'recorded';
  if (push?.stage.name !== expected) return unchanged(state);
  const failures = push.failures + (refused ? 1 : 0);
  if (failures >= maxFailures)
    return left(state, message, 'The mail server goes on refusing what is to be done with it.');
  const firstPauseMs = type === 'open failed' ? reopenMs : settleRetryMs;
  const retryAt = now + Math.min(refusedPauseMaxMs, firstPauseMs * 2 ** Math.max(0, failures - 1));
  const { stage } = push;
  const next: Stage = stage.name === 'recorded' ? { ...stage, removing: false, retryAt } : { name: 'found', retryAt };
  return unchanged(withStage(state, message, () => ({ failures, stage: next })));
}

const keyOf = ({ folder, uidValidity, uid }: MessageRef): string => `${uid} ${uidValidity} ${folder}`;

function found(state: ChannelState, messages: readonly MessageRef[], now: number): ChannelState {
  const asked = new Set(messages.map(keyOf));
  const open = [...state.backlog, ...[...state.postponed, ...state.pushes].map(({ message }) => message)];
  const known = new Set(open.map(keyOf).filter((key) => asked.has(key)));
  const fresh = messages.filter((message) => !known.has(keyOf(message)));
  return {
    ...state,
    backlog: fresh.length === 0 ? state.backlog : [...state.backlog, ...fresh].sort(compareMessages),
    pushes: state.pushes.map((push) => (asked.has(keyOf(push.message)) ? again(push, now) : push)),
  };
}

/** Found once more: the connection is new. */
function again(push: OpenPush, now: number): OpenPush {
  const { stage } = push;
  return stage.name === 'found' || stage.name === 'recorded' ? { ...push, stage: { ...stage, retryAt: now } } : push;
}

/** What the app has, or is just being given, is still to be written down when its mail is gone. */
const isOwed = ({ stage }: OpenPush): boolean => stage.name === 'settled' || stage.name === 'delivering';

/** The mail has left the mailbox by another's hand. */
function gone(state: ChannelState, message: MessageRef): ChannelState {
  return {
    ...state,
    backlog: state.backlog.filter((other) => !sameMessage(other, message)),
    postponed: state.postponed.filter((other) => !sameMessage(other.message, message)),
    pushes: state.pushes.filter((push) => isOwed(push) || !sameMessage(push.message, message)),
  };
}

function renumbered(state: ChannelState, folder: string): ChannelState {
  return {
    ...state,
    backlog: state.backlog.filter((message) => message.folder !== folder),
    postponed: state.postponed.filter(({ message }) => message.folder !== folder),
    pushes: state.pushes.filter((push) => isOwed(push) || push.message.folder !== folder),
  };
}

/** Mails that were opened in vain have a limit. */
function afterOpening(state: ChannelState, { kind }: Verdict, now: number): ChannelState {
  if (kind !== 'unreadable' && kind !== 'refused') return state;
  const vainFullAt = spend(state.vainFullAt, vainLimit, now);
  const besieged = hasLeft(vainFullAt, vainLimit, now) ? state.besieged : (state.besieged ?? 'newest');
  return { ...state, vainFullAt, besieged };
}

function opened(state: ChannelState, message: MessageRef, verdict: Verdict, now: number): Step {
  const to = (stage: Stage): ChannelState => withStage(state, message, () => ({ failures: 0, stage }));
  switch (verdict.kind) {
    case 'deliverable': {
      const next = to({ name: 'deliverable', push: verdict.push, retryAt: now });
      return unchanged(trusting(next, verdict.trust, now));
    }
    case 'waiting for key':
      return unchanged(to({ name: 'waiting for key', until: verdict.until }));
    case 'early':
      return unchanged(to({ name: 'early', notBefore: verdict.notBefore, until: verdict.until }));
    case 'unreadable':
      return left(state, message, verdict.reason);
    case 'expired': {
      const mark = verdict.known && markOf(verdict.known.label, message);
      const next = to(settled({ kind: 'expired' }, now, mark));
      return unchanged(trusting(next, verdict.known?.trust ?? state.trust, now));
    }
    case 'refused':
    case 'duplicate':
    case 'superseded':
    case 'retired':
      return unchanged(to(settled(verdict, now)));
  }
}

/** Everything that waited for a key can be judged anew when other keys may push than before. */
function trusting(state: ChannelState, trust: Trust, now: number): ChannelState {
  if (sameTrust(state.trust, trust)) return state;
  return {
    ...release({ ...state, trust }, ['waiting for key']),
    pushes: state.pushes.map((push) =>
      push.stage.name === 'waiting for key' ? { ...push, stage: { name: 'found', retryAt: now } } : push,
    ),
  };
}

function accepted(push: Push, message: MessageRef, now: number): Stage {
  const outcome: Outcome = { kind: 'delivered', id: push.id, rememberUntil: push.rememberUntil };
  return settled(outcome, now, markOf(push, message));
}

const unwanted: Outcome = { kind: 'refused', reason: 'Nobody asked for it.' };

/** It has been taken, which counts, whatever has become of it. */
function taken(state: ChannelState, message: MessageRef, now: number, ending: (push: Push) => Stage): Step {
  if (stageOf(state, message)?.name !== 'delivering') return unchanged({ ...state, unreachable: undefined });
  const pushesFullAt = spend(state.pushesFullAt, lastPushLimit, now);
  const reached = { ...state, unreachable: undefined, pushesFullAt };
  return ifStage(reached, message, 'delivering', ({ stage: { push } }) => ({ stage: ending(push) }));
}

function refusedByApp(state: ChannelState, message: MessageRef, now: number): Step {
  const reached = { ...state, unreachable: undefined };
  return ifStage(reached, message, 'delivering', ({ stage: { push }, refusals }) => {
    const count = refusals + 1;
    if (count >= maxRefusals) {
      const { payload: _, signer: __, ...label } = push;
      return { refusals: count, stage: { name: 'parked', label, retryAt: now + parkedRetryMs } };
    }
    return { refusals: count, stage: { name: 'deliverable', push, retryAt: now + firstRefusalMs * 2 ** refusals } };
  });
}

function appUnreachable(state: ChannelState, message: MessageRef, now: number): Step {
  const attempts = (state.unreachable?.attempts ?? 0) + 1;
  const pause = Math.min(unreachableMaxMs, unreachableFirstMs * 2 ** (attempts - 1));
  const since = state.unreachable?.since ?? now;
  const waiting = { ...state, unreachable: { since, attempts, retryAt: now + pause } };
  return ifStage(waiting, message, 'delivering', ({ stage: { push } }) => ({
    stage: { name: 'deliverable', push, retryAt: now },
  }));
}

function appAppeared(state: ChannelState, now: number): ChannelState {
  return {
    ...release(state, ['parked']),
    unreachable: undefined,
    pushes: state.pushes.map((push) => {
      if (push.stage.name === 'parked') return { ...push, stage: { name: 'found', retryAt: now } };
      if (push.stage.name === 'deliverable') return { ...push, stage: { ...push.stage, retryAt: now } };
      return push;
    }),
  };
}

/** From now on a copy that is opened is seen to be one; those that have been opened already are marked here. */
function recorded(state: ChannelState, message: MessageRef, now: number): Step {
  const id = deliveredId(stageOf(state, message));
  const isCopy = ({ stage }: OpenPush): boolean => stage.name === 'deliverable' && stage.push.id === id;
  const marked = state.pushes.map((push) =>
    isCopy(push) ? { ...push, stage: settled({ kind: 'duplicate' }, now) } : push,
  );
  return ifStage({ ...state, pushes: marked }, message, 'settled', ({ stage: { outcome } }) => ({
    stage: { name: 'recorded', outcome, retryAt: now, removing: false },
  }));
}

function deliveredId(stage: Stage | undefined): string | undefined {
  return stage?.name === 'settled' && stage.outcome.kind === 'delivered' ? stage.outcome.id : undefined;
}
