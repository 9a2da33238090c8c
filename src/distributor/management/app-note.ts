import { type ChannelSummary, pushLimit } from '../delivery/index.js';
import type { Counts } from '../tally.js';
import type { Waiting } from './status.js';

/** How the session bus sees an app; `unknown`: it did not say. */
export type Presence = 'running' | 'startable' | 'absent' | 'unknown';

/** What there is to say about the pushes of one registration. */
export interface AppNote {
  /** What is so, and what to do. */
  readonly sentence: string;
  /** Since when something is wrong, in ms since 1970; undefined: nothing is, it only takes its time. */
  readonly wrongSince: number | undefined;
}

/** What an {@link AppNote} is made from. */
export interface AppFacts {
  readonly summary: Pick<ChannelSummary, 'unreachable' | 'keptUntil' | 'isBesieged'>;
  readonly waiting: Waiting;
  readonly counts: Pick<Counts, 'lastRefusal' | 'lastDeliveredAt' | 'wrongSince'>;
  readonly presence: Presence;
  /** In ms since 1970. */
  readonly now: number;
}

const kept = ({ summary: { keptUntil } }: AppFacts): string =>
  keptUntil === undefined
    ? 'its pushes are kept'
    : `its pushes are kept until ${new Date(keptUntil).toISOString().slice(0, 10)}`;

function unreachableSentence(facts: AppFacts): string {
  switch (facts.presence) {
    case 'running':
      return `It does not answer yet: it is tried again by itself, and ${kept(facts)}.`;
    case 'startable':
      return `It could not be started: start it by hand and look at what it says; ${kept(facts)}.`;
    case 'absent':
      return `It is not running, and the session bus cannot start it: start it, or install it again; ${kept(facts)}.`;
    case 'unknown':
      return `It is not running: start it; ${kept(facts)}.`;
  }
}

/** Another key is for the user to judge; whatever else is wrong with a push, its app server has made it so. */
const remedyFor = (reason: string): string =>
  reason.startsWith('It is signed by ')
    ? 'If its app server has a new key, let it push with "mailpush trust".'
    : 'Tell whoever runs its app server.';

/** The one thing that matters most about the pushes of a registration; undefined when there is nothing to say. */
export function noteOf(facts: AppFacts): AppNote | undefined {
  const { waiting, counts, summary, now } = facts;
  const { lastRefusal, lastDeliveredAt, wrongSince = now } = counts;
  if (lastRefusal !== undefined && lastRefusal.at > (lastDeliveredAt ?? 0)) {
    const { reason, at } = lastRefusal;
    return { sentence: `Its last push was refused. ${reason} ${remedyFor(reason)}`, wrongSince: at };
  }
  if (waiting.app > 0) return { sentence: unreachableSentence(facts), wrongSince: summary.unreachable?.since ?? now };
  if (waiting.refusedByApp > 0) {
    const sentence = `It refuses what it is given: look at its log, or restart it; ${kept(facts)}.`;
    return { sentence, wrongSince };
  }
  if (waiting.rate > 0) {
    const sentence = `More than ${pushLimit.perHour} pushes an hour, and ${pushLimit.atOnce} at once: they stay in the mailbox and come slowly. Tell whoever runs its app server.`;
    return { sentence, wrongSince: undefined };
  }
  if (summary.isBesieged) {
    const sentence =
      'Many mails are addressed to it that are no pushes of its app server: they are opened slowly, the newest and the oldest in turn. If that goes on, unregister it and register it anew.';
    return { sentence, wrongSince: undefined };
  }
  if (waiting.clock > 0) {
    const sentence = 'Pushes are dated in the future: check the clock of this machine, or that of the app server.';
    return { sentence, wrongSince };
  }
  if (waiting.key > 0) {
    const sentence = 'Pushes wait for the key of their app server, which comes along with one of them: wait for it.';
    return { sentence, wrongSince: undefined };
  }
  return undefined;
}
