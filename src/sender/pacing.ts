/** How many mails a recipient domain gets at most, and how long it pauses when it asks for less. */
export interface PacingLimits {
  /** In flight at once. */
  readonly mostInFlight: number;
  /** Begun within any minute. */
  readonly mostPerMinute: number;
  /** The first pause, in milliseconds, give or take a quarter; each later one is twice as long. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** What is known of one recipient domain. Times are of one clock that never goes back, in milliseconds. */
export interface DomainPace {
  readonly inFlight: number;
  /** How many may be in flight; after a pause one, and one more with each mail that is taken. */
  readonly window: number;
  /** When mails were begun in the last minute, the oldest first; empty without a limit a minute. */
  readonly begun: readonly number[];
  /** How many pauses there were since a mail was last taken. */
  readonly pauses: number;
  /** When the last pause began and ends. */
  readonly pausedAtMs: number;
  readonly pausedUntilMs: number;
}

/** What happens to the mails of a domain; `begunAtMs` tells which one has ended. */
export type PaceEvent =
  | { readonly type: 'begun'; readonly nowMs: number }
  | { readonly type: 'taken'; readonly begunAtMs: number }
  | { readonly type: 'failed' }
  | { readonly type: 'throttled'; readonly begunAtMs: number; readonly nowMs: number; readonly random: number };

/** Whether the next mail may begin; otherwise in how many milliseconds to ask again, or when something has ended. */
export type PaceDecision = { readonly kind: 'go' } | { readonly kind: 'wait'; readonly forMs: number | undefined };

const minuteMs = 60_000;

/** A domain of which nothing is known. */
export function freshPace({ mostInFlight }: PacingLimits): DomainPace {
  const never = Number.NEGATIVE_INFINITY;
  return { inFlight: 0, window: mostInFlight, begun: [], pauses: 0, pausedAtMs: never, pausedUntilMs: never };
}

/** Whether the next mail to a domain may begin now. */
export function decidePace(pace: DomainPace, nowMs: number, limits: PacingLimits): PaceDecision {
  if (nowMs < pace.pausedUntilMs) return { kind: 'wait', forMs: pace.pausedUntilMs - nowMs };
  if (pace.inFlight >= pace.window) return { kind: 'wait', forMs: undefined };
  const recent = recentOf(pace, nowMs);
  const [oldest] = recent;
  if (oldest === undefined || recent.length < limits.mostPerMinute) return { kind: 'go' };
  return { kind: 'wait', forMs: oldest + minuteMs - nowMs };
}

/**
 * What is known of a domain after an event.
 *
 * | Event | What follows |
 * |---|---|
 * | begun | one more in flight, and counted for a minute |
 * | taken | one less; a domain that had paused may have one more at once, and its next pause is a first one again |
 * | failed | one less: a refusal of this mail says nothing about the others |
 * | throttled | one less; the domain pauses, twice as long as before, and then begins with a single mail |
 *
 * What was in flight when a pause began neither prolongs nor ends it.
 */
export function stepPace(pace: DomainPace, event: PaceEvent, limits: PacingLimits): DomainPace {
  switch (event.type) {
    case 'begun': {
      const counts = Number.isFinite(limits.mostPerMinute);
      const begun = counts ? [...recentOf(pace, event.nowMs), event.nowMs] : pace.begun;
      return { ...pace, inFlight: pace.inFlight + 1, begun };
    }
    case 'failed':
      return { ...pace, inFlight: pace.inFlight - 1 };
    case 'taken': {
      const left = { ...pace, inFlight: pace.inFlight - 1 };
      if (event.begunAtMs <= pace.pausedAtMs) return left;
      return { ...left, pauses: 0, window: Math.min(limits.mostInFlight, pace.window + 1) };
    }
    case 'throttled': {
      const left = { ...pace, inFlight: pace.inFlight - 1 };
      if (event.begunAtMs <= pace.pausedAtMs) return left;
      const pauseMs =
        Math.min(limits.longestPauseMs, limits.firstPauseMs * 2 ** pace.pauses) * (0.75 + event.random / 2);
      return {
        ...left,
        window: 1,
        pauses: pace.pauses + 1,
        pausedAtMs: event.nowMs,
        pausedUntilMs: event.nowMs + pauseMs,
      };
    }
    default:
      return event satisfies never;
  }
}

/** Whether forgetting the domain would change nothing that matters: nothing is in flight, counted or recently paused. */
export function isForgettable(pace: DomainPace, nowMs: number, { longestPauseMs }: PacingLimits): boolean {
  const isAtRest = pace.pauses === 0 || nowMs >= pace.pausedUntilMs + longestPauseMs;
  return pace.inFlight === 0 && isAtRest && nowMs >= pace.pausedUntilMs && recentOf(pace, nowMs).length === 0;
}

function recentOf({ begun }: DomainPace, nowMs: number): readonly number[] {
  return begun.filter((atMs) => atMs + minuteMs > nowMs);
}
