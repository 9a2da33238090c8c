import type { Runtime } from '../runtime.js';
import { aborted } from './abort.js';
import { type DomainPace, decidePace, freshPace, isForgettable, type PacingLimits, stepPace } from './pacing.js';

const maxKept = 10_000;

/** A mail that may begin. Exactly one of these is called when it has ended. */
export interface Admission {
  readonly taken: () => void;
  /** Refused or lost, for a reason of its own. */
  readonly failed: () => void;
  /** Refused because the domain wants less mail for now. */
  readonly throttled: () => void;
}

/** Lets mails to a recipient domain through at the pace that it bears. */
export interface DomainGate {
  /** Resolves when a mail to `domain` may begin, in the order of the calls. Rejects when `signal` is aborted. */
  readonly enter: (domain: string, signal: AbortSignal) => Promise<Admission>;
  /** For how many milliseconds the domain still pauses; 0 if it does not. */
  readonly pauseLeftMs: (domain: string) => number;
  /** How many domains are remembered. */
  readonly size: () => number;
}

interface Domain {
  pace: DomainPace;
  readonly waiting: Set<() => void>;
  alarm: AbortController | undefined;
}

/**
 * Makes a gate. A domain is remembered while something waits, is in flight, counts for its limit a minute, or reminds of a
 * pause; of the latter ten thousand at most.
 */
export function createDomainGate(limits: PacingLimits, runtime: Runtime): DomainGate {
  const domains = new Map<string, Domain>();
  const nowMs = runtime.monotonicMs;

  function domainOf(name: string): Domain {
    const known = domains.get(name);
    if (known !== undefined) return known;
    const domain = { pace: freshPace(limits), waiting: new Set<() => void>(), alarm: undefined };
    domains.set(name, domain);
    return domain;
  }

  function run(name: string, domain: Domain): void {
    domain.alarm?.abort();
    domain.alarm = undefined;
    for (const admit of domain.waiting) {
      const decision = decidePace(domain.pace, nowMs(), limits);
      if (decision.kind === 'go') admit();
      else {
        if (decision.forMs !== undefined) wakeAfter(decision.forMs, name, domain);
        break;
      }
    }
    forget();
  }

  function wakeAfter(ms: number, name: string, domain: Domain): void {
    const alarm = new AbortController();
    domain.alarm = alarm;
    runtime.sleep(Math.ceil(ms), alarm.signal).then(
      () => {
        if (domain.alarm === alarm) run(name, domain);
      },
      () => {}, // something else happened first
    );
  }

  function forget(): void {
    // A few in turn each time: nothing piles up, and no call looks at all of them.
    const names = domains.keys();
    for (let count = 0; count < 3; count += 1) {
      const name = names.next().value;
      const domain = name === undefined ? undefined : domains.get(name);
      if (name === undefined || domain === undefined) return;
      const { pace, waiting } = domain;
      const isBusy = waiting.size > 0 || pace.inFlight > 0;
      domains.delete(name);
      if (isBusy || !(isForgettable(pace, nowMs(), limits) || domains.size >= maxKept)) domains.set(name, domain);
    }
  }

  function admission(name: string, domain: Domain): Admission {
    const begunAtMs = nowMs();
    domain.pace = stepPace(domain.pace, { type: 'begun', nowMs: begunAtMs }, limits);
    const end = (event: Parameters<typeof stepPace>[1]): void => {
      domain.pace = stepPace(domain.pace, event, limits);
      run(name, domain);
    };
    return {
      taken: () => end({ type: 'taken', begunAtMs }),
      failed: () => end({ type: 'failed' }),
      throttled: () =>
        end({ type: 'throttled', begunAtMs, nowMs: nowMs(), random: (runtime.randomBytes(1)[0] ?? 0) / 255 }),
    };
  }

  return {
    enter: (name, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(aborted(signal));
          return;
        }
        const domain = domainOf(name);
        const leave = (): void => {
          domain.waiting.delete(admit);
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          leave();
          reject(aborted(signal));
          run(name, domain);
        };
        const admit = (): void => {
          leave();
          resolve(admission(name, domain));
        };
        signal.addEventListener('abort', onAbort, { once: true });
        domain.waiting.add(admit);
        run(name, domain);
      }),
    pauseLeftMs: (name) => Math.max(0, (domains.get(name)?.pace.pausedUntilMs ?? 0) - nowMs()),
    size: () => domains.size,
  };
}
