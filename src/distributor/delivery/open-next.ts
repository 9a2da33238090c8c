import { compareMessages, type MessageRef } from '../../imap/index.js';
import { isFull } from './batch.js';
import { type Draft, isStubborn } from './draft.js';
import type { Effect } from './state.js';

/** Opens one at a time, in mailbox order, and only so many ahead that memory stays bounded. Gives what is left to open. */
export function openNext(
  pushes: Draft[],
  backlog: readonly MessageRef[],
  now: number,
  effects: Effect[],
): readonly MessageRef[] {
  if (pushes.some(({ stage }) => stage.name === 'opening')) return backlog;
  const oldest = backlog[0];
  const isDue = ({ stage }: Draft): boolean => stage.name === 'found' && stage.retryAt <= now;
  const again = pushes.find((push) => isDue(push) || (push.stage.name === 'found' && !isStubborn(push)));
  if (again !== undefined && (oldest === undefined || compareMessages(again.message, oldest) < 0)) {
    if (isDue(again) && hasRoom(pushes, again.message, now)) {
      again.stage = { name: 'opening' };
      effects.push({ type: 'open', message: again.message });
    }
    return backlog;
  }
  if (oldest === undefined || !hasRoom(pushes, oldest, now)) return backlog;
  startOpening(pushes, oldest, effects);
  return backlog.slice(1);
}

/** Takes a mail from the backlog to the others, at its place. */
export function startOpening(pushes: Draft[], message: MessageRef, effects: Effect[]): void {
  effects.push({ type: 'open', message });
  const after = pushes.findIndex((push) => compareMessages(push.message, message) > 0);
  const stage = { name: 'opening' } as const;
  pushes.splice(after < 0 ? pushes.length : after, 0, { message, refusals: 0, failures: 0, stage });
}

/** Whoever comes before all that are open can always be opened: they would wait for it for ever. The last ones make room. */
function hasRoom(pushes: readonly Draft[], next: MessageRef, now: number): boolean {
  const open = pushes.filter(({ stage }) => stage.name === 'deliverable');
  const [first] = open;
  while (isFull(pushes)) {
    const last = open.pop();
    if (first === undefined || last === undefined || compareMessages(next, first.message) > 0) return false;
    last.stage = { name: 'found', retryAt: now };
  }
  return true;
}
