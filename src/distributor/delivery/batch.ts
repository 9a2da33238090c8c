import { compareMessages, type MessageRef } from '../../imap/index.js';
import type { Draft } from './draft.js';
import type { OpenPush, Stage } from './state.js';
import { batchBytes, batchPushes } from './timing.js';

/** Its app is being given it, or has got it and that is not on disk yet: a crash can repeat one push per channel at most. */
export const isUnderWay = ({ stage }: OpenPush): boolean =>
  stage.name === 'delivering' || (stage.name === 'settled' && stage.outcome.kind === 'delivered');

const isNext = ({ name }: Stage): boolean => name === 'found' || name === 'opening' || name === 'deliverable';

/**
 * Where the batch ends that is opened as a whole before the first of it is delivered. While one is worked on it stays as it
 * is, so that what comes in meanwhile holds up nobody.
 */
export function batchEnd(
  before: MessageRef | undefined,
  pushes: readonly Draft[],
  backlog: readonly MessageRef[],
): MessageRef | undefined {
  const isGoing = (push: Draft): boolean =>
    isUnderWay(push) || push.stage.name === 'opening' || push.stage.name === 'deliverable';
  const isInBatch = ({ message }: Draft): boolean => before !== undefined && compareMessages(message, before) <= 0;
  if (pushes.some((push) => isInBatch(push) && isGoing(push))) return before;
  const next = pushes.filter(({ stage }) => isNext(stage)).map(({ message }) => message);
  const first = [...next, ...backlog.slice(0, batchPushes)].sort(compareMessages).slice(0, batchPushes);
  return first.at(-1);
}

/** Whether so much is opened ahead that memory is better kept for others. */
export function isFull(pushes: readonly Draft[]): boolean {
  const payloads = pushes.flatMap(({ stage }) =>
    stage.name === 'deliverable' || stage.name === 'delivering' ? [stage.push.payload.length] : [],
  );
  return payloads.length >= batchPushes || payloads.reduce((sum, length) => sum + length, 0) >= batchBytes;
}
