import type { Runtime } from '../runtime.js';
import type { Happening, Outcome } from './delivery/index.js';

/** What has become of pushes since the daemon was started; of one channel, or of all. Times are in ms since 1970. */
export interface Counts {
  /** How many ended so, and are on disk as such. */
  readonly ended: Readonly<Record<Outcome['kind'], number>>;
  /** Mails that name a channel of ours and do not decrypt with its key: left as they are. */
  readonly unreadable: number;
  readonly lastDeliveredAt: number | undefined;
  readonly lastRefusal: { readonly reason: string; readonly at: number } | undefined;
  /** Since when no push has gone through because of the app or a clock. */
  readonly wrongSince: number | undefined;
}

/** Counts what becomes of pushes. */
export interface Tally {
  /** Takes in what has happened to a push of this channel. */
  happened(channel: string, event: Happening): void;
  /** A push of this channel has ended, and that is on disk. */
  ended(channel: string, outcome: Outcome): void;
  /** Of one channel. */
  of(channel: string): Counts;
  /** Of all channels, forgotten ones included. */
  total(): Counts;
  /** Of all channels: why pushes were refused, and how often, the most frequent first. */
  refusals(): readonly { readonly reason: string; readonly count: number }[];
  /** The channel of the push that was delivered last. */
  readonly lastDeliveredTo: string | undefined;
  /** Forgets a channel. */
  forget(channel: string): void;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
interface Tallied extends Mutable<Omit<Counts, 'ended'>> {
  readonly ended: Record<Outcome['kind'], number>;
}

/** Reasons name the signer, so that whoever knows a channel key could make up any number of them. */
const maxReasons = 50;
const maxReasonChars = 200;
const otherReasons = 'Other reasons.';

const nothing = (): Tallied => ({
  ended: { delivered: 0, refused: 0, expired: 0, duplicate: 0, superseded: 0, retired: 0 },
  unreadable: 0,
  lastDeliveredAt: undefined,
  lastRefusal: undefined,
  wrongSince: undefined,
});

/** Makes a tally in which nothing has happened. */
export function createTally({ now }: Pick<Runtime, 'now'>): Tally {
  const byChannel = new Map<string, Tallied>();
  const total = nothing();
  const reasons = new Map<string, number>();
  let lastDeliveredTo: string | undefined;

  function both(channel: string): readonly Tallied[] {
    const one = byChannel.get(channel) ?? nothing();
    byChannel.set(channel, one);
    return [one, total];
  }

  function countReason(reason: string): void {
    const name = reasons.has(reason) || reasons.size < maxReasons ? reason : otherReasons;
    reasons.set(name, (reasons.get(name) ?? 0) + 1);
  }

  return {
    happened: (channel, event) => {
      const verdict = event.type === 'opened' ? event.verdict.kind : undefined;
      const isWrong = event.type === 'app unreachable' || event.type === 'refused by app' || verdict === 'early';
      for (const counts of both(channel)) {
        if (verdict === 'unreadable') counts.unreadable += 1;
        if (isWrong) counts.wrongSince ??= now();
        else if (event.type === 'accepted') counts.wrongSince = undefined;
      }
    },
    ended: (channel, outcome) => {
      const reason = outcome.kind === 'refused' ? outcome.reason.slice(0, maxReasonChars) : undefined;
      if (reason !== undefined) countReason(reason);
      if (outcome.kind === 'delivered') lastDeliveredTo = channel;
      for (const counts of both(channel)) {
        counts.ended[outcome.kind] += 1;
        if (outcome.kind === 'delivered') counts.lastDeliveredAt = now();
        if (reason !== undefined) counts.lastRefusal = { reason, at: now() };
      }
    },
    of: (channel) => byChannel.get(channel) ?? nothing(),
    total: () => total,
    refusals: () => [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    get lastDeliveredTo() {
      return lastDeliveredTo;
    },
    forget: (channel) => {
      byChannel.delete(channel);
    },
  };
}
