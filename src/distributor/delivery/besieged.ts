import type { MessageRef } from '../../imap/index.js';
import { hasLeft } from './allowance.js';
import { isFull } from './batch.js';
import { type Draft, isStubborn } from './draft.js';
import { startOpening } from './open-next.js';
import type { ChannelState, Effect } from './state.js';
import { vainLimit } from './timing.js';

type Besieged = Pick<ChannelState, 'backlog' | 'besieged' | 'vainFullAt'>;

/** Whether something is still to be opened that the mail server gives. */
export function isUnopened(pushes: readonly Draft[], backlog: readonly MessageRef[]): boolean {
  const isNext = (push: Draft): boolean => push.stage.name === 'opening' || push.stage.name === 'found';
  return backlog.length > 0 || pushes.some((push) => isNext(push) && !isStubborn(push));
}

/**
 * Opens one at a time as far as it may be in vain: first what has been opened before, which was good, then the newest and the
 * oldest in turn. Whatever is good costs nothing, so that good ones come one right after another.
 */
export function openBesieged(
  pushes: Draft[],
  { backlog, besieged, vainFullAt }: Besieged,
  now: number,
  effects: Effect[],
): Besieged {
  const unchanged = { backlog, besieged, vainFullAt };
  const isBusy = pushes.some(({ stage }) => stage.name === 'opening');
  if (isBusy || isFull(pushes) || !hasLeft(vainFullAt, vainLimit, now)) return unchanged;
  const again = pushes.find(({ stage }) => stage.name === 'found' && stage.retryAt <= now);
  if (again !== undefined) {
    again.stage = { name: 'opening' };
    effects.push({ type: 'open', message: again.message });
    return unchanged;
  }
  const message = besieged === 'newest' ? backlog.at(-1) : backlog[0];
  if (message === undefined) return unchanged;
  startOpening(pushes, message, effects);
  return besieged === 'newest'
    ? { backlog: backlog.slice(0, -1), besieged: 'oldest', vainFullAt }
    : { backlog: backlog.slice(1), besieged: 'newest', vainFullAt };
}
