import type { MessageRef } from '../../imap/index.js';
import type { OpenPush, Outcome, Stage, TopicMark } from './state.js';
import { asideFailures } from './timing.js';

/** A push whose next stage is being worked out. */
export interface Draft extends OpenPush {
  readonly message: MessageRef;
  readonly refusals: number;
  readonly failures: number;
  stage: Stage;
}

/** The stage of a push that has just ended so. */
export function settled(outcome: Outcome, now: number, mark: TopicMark | undefined = undefined): Stage {
  return { name: 'settled', outcome, mark, retryAt: now, recording: false };
}

/** The mail server does not give it: it holds up nobody. */
export const isStubborn = ({ failures }: OpenPush): boolean => failures >= asideFailures;
