import { hasLeft } from './allowance.js';
import type { ChannelState, Stage } from './state.js';
import { pushLimit } from './timing.js';

/** How the pushes of one channel stand, in numbers. Times are in ms since 1970. */
export interface ChannelSummary {
  /** All push mails of the channel that are still worked on: the sum of the other numbers. */
  readonly open: number;
  /** Found, and not opened yet or to be opened once more. */
  readonly unopened: number;
  readonly waitingForKey: number;
  /** Dated in the future. */
  readonly early: number;
  /** Less urgent than the state of the device asks for. */
  readonly held: number;
  /** Refused by their app again and again; tried slowly. */
  readonly parked: number;
  /** Waiting for their turn, or with their app just now. */
  readonly deliverable: number;
  /** Delivered or discarded, and on the way to the disk or out of the mailbox. */
  readonly ending: number;
  /** The app could not be reached at the last try: since when, and when it is tried next. It is kept for until its TTL ends. */
  readonly unreachable: { readonly since: number; readonly retryAt: number } | undefined;
  /** Its app has been given so much that the deliverable ones are delayed (`pushLimit`). */
  readonly isDelayed: boolean;
  /** So many of its mails were opened in vain that the others are opened slowly (`vainLimit`). */
  readonly isBesieged: boolean;
  /** Pushes that wait because their app has refused them, parked or not. */
  readonly refusedByApp: number;
  /** When the time of the last opened push is up; undefined when none that is opened waits. */
  readonly keptUntil: number | undefined;
}

type Count = Exclude<
  keyof ChannelSummary,
  'open' | 'isDelayed' | 'isBesieged' | 'unreachable' | 'refusedByApp' | 'keptUntil'
>;

const countOf = {
  found: 'unopened',
  opening: 'unopened',
  'waiting for key': 'waitingForKey',
  deliverable: 'deliverable',
  delivering: 'deliverable',
  early: 'early',
  held: 'held',
  parked: 'parked',
  settled: 'ending',
  recorded: 'ending',
} as const satisfies Record<Stage['name'], Count>;

function endOf(stage: Stage): number | undefined {
  if (stage.name === 'deliverable' || stage.name === 'delivering') return stage.push.liveUntil;
  if ('label' in stage) return stage.label.liveUntil;
  return 'until' in stage ? stage.until : undefined;
}

/** Sums up a channel at `now` for somebody who looks at it from outside. */
export function summarize(state: ChannelState, now: number): ChannelSummary {
  const { backlog, postponed, pushes, unreachable, pushesFullAt, besieged } = state;
  const counts = { unopened: 0, waitingForKey: 0, early: 0, held: 0, parked: 0, deliverable: 0, ending: 0 };
  let refusedByApp = 0;
  let keptUntil: number | undefined;
  counts.unopened += backlog.length;
  for (const { stage } of postponed) counts[countOf[stage]] += 1;
  for (const { stage, refusals } of pushes) {
    const end = endOf(stage);
    if (end !== undefined) keptUntil = Math.max(keptUntil ?? end, end);
    counts[countOf[stage.name]] += 1;
    if (refusals > 0 && countOf[stage.name] !== 'ending') refusedByApp += 1;
  }
  return {
    ...counts,
    open: backlog.length + postponed.length + pushes.length,
    isDelayed: counts.deliverable > 0 && !hasLeft(pushesFullAt, pushLimit, now),
    isBesieged: besieged !== undefined && counts.unopened > 0,
    unreachable: unreachable && { since: unreachable.since, retryAt: unreachable.retryAt },
    refusedByApp,
    keptUntil,
  };
}
