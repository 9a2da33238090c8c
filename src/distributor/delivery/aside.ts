import { compareMessages } from '../../imap/index.js';
import type { Draft } from './draft.js';
import type { AsideName, ChannelState, OpenPush, Postponed, Stage } from './state.js';
import { maxAside } from './timing.js';

/** When a push that stands aside is due, in ms since 1970; undefined for one that does not. */
function asideUntil(stage: Stage): { readonly stage: AsideName; readonly retryAt: number } | undefined {
  switch (stage.name) {
    case 'waiting for key':
      return { stage: stage.name, retryAt: stage.until };
    case 'early':
      return { stage: stage.name, retryAt: Math.min(stage.notBefore, stage.until) };
    case 'held':
      return { stage: stage.name, retryAt: stage.label.holdUntil };
    case 'parked':
      return { stage: stage.name, retryAt: Math.min(stage.retryAt, stage.label.liveUntil) };
    case 'found':
    case 'opening':
    case 'deliverable':
    case 'delivering':
    case 'settled':
    case 'recorded':
      return undefined;
  }
}

type Waiting = Pick<ChannelState, 'backlog' | 'postponed'>;

/** Those that were postponed and are to be opened now go back to the others that have not been opened. */
function takeBack({ backlog }: Waiting, released: readonly Postponed[], postponed: readonly Postponed[]): Waiting {
  if (released.length === 0) return { backlog, postponed };
  return { backlog: [...backlog, ...released.map(({ message }) => message)].sort(compareMessages), postponed };
}

/** Takes back all that were postponed in one of these stages, because something has changed for them. */
export function release(state: ChannelState, stages: readonly AsideName[]): ChannelState {
  const isReleased = ({ stage }: Postponed): boolean => stages.includes(stage);
  const postponed = state.postponed.filter((one) => !isReleased(one));
  return { ...state, ...takeBack(state, state.postponed.filter(isReleased), postponed) };
}

/**
 * Keeps at most `maxAside` pushes aside in mind: those beyond, the last of the mailbox, are postponed. Nobody's push is lost
 * by this bound, it only costs opening it once more: when it is due, or when there is room and nothing else to open.
 */
export function bound(pushes: Draft[], state: Waiting, now: number): Waiting & { readonly pushes: Draft[] } {
  const aside = pushes.flatMap((push) => {
    const until = asideUntil(push.stage);
    return until === undefined ? [] : [{ push, ...until }];
  });
  const excess = aside.slice(maxAside);
  const dropped = new Set<OpenPush>(excess.map(({ push }) => push));
  const added = excess.map(({ push: { message }, stage, retryAt }) => ({ message, stage, retryAt }));
  const postponed = added.length === 0 ? state.postponed : [...state.postponed, ...added].sort(byDue);
  const isIdle = state.backlog.length === 0 && !pushes.some(({ stage }) => isUnopened(stage));
  const firstNotDue = postponed.findIndex(({ retryAt }) => retryAt > now);
  const due = firstNotDue < 0 ? postponed.length : firstNotDue;
  const count = isIdle ? Math.max(due, maxAside - aside.length) : due;
  const back =
    count === 0 ? { ...state, postponed } : takeBack(state, postponed.slice(0, count), postponed.slice(count));
  return { ...back, pushes: dropped.size === 0 ? pushes : pushes.filter((push) => !dropped.has(push)) };
}

const byDue = (a: Postponed, b: Postponed): number => a.retryAt - b.retryAt;

const isUnopened = (stage: Stage): boolean => stage.name === 'found' || stage.name === 'opening';
