import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Channels } from './channels.js';
import type { Registration, Store } from './store/index.js';

const dayMs = 24 * 60 * 60_000;
/** A retired channel's key is kept as long as a push for it can live, and a day more. */
export const retiredMs: number = limits.maxTtlSeconds * 1000 + dayMs;
/** More than that has only a program that registers and unregisters without end; the oldest are forgotten sooner. */
export const maxRetired: number = 1000;

/** The channels that have been retired long enough at `now`, in ms since 1970. */
export function outdatedChannels(registrations: readonly Registration[], now: number): string[] {
  const retired = registrations
    .flatMap(({ channel, retiredAt }) => (retiredAt === null ? [] : [{ channel, retiredAt }]))
    .sort((a, b) => b.retiredAt - a.retiredAt);
  return retired
    .filter(({ retiredAt }, index) => index >= maxRetired || retiredAt + retiredMs <= now)
    .map(({ channel }) => channel);
}

/** What housekeeping works on. */
export interface HousekeepingOptions {
  readonly channels: Pick<Channels, 'all'>;
  readonly store: Pick<Store, 'deleteRegistration' | 'deleteExpired'>;
  /** Forgets a channel in memory. */
  readonly forget: (channel: string) => void;
  readonly runtime: Runtime;
}

/** Forgets what nobody can ask for any more. */
export interface Housekeeping {
  /** Forgets outdated channels: to be called when one more has been retired. Never rejects. */
  forgetChannels(): Promise<void>;
  /** Forgets outdated channels and ids now and once a day, until `signal` is aborted. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Makes it. */
export function createHousekeeping({ channels, store, forget, runtime }: HousekeepingOptions): Housekeeping {
  async function logged(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (err) {
      runtime.log.error({ event: 'store.write', err }, 'What is outdated could not be deleted.');
    }
  }

  async function forgetChannels(): Promise<void> {
    const outdated = outdatedChannels(channels.all(), runtime.now());
    outdated.forEach(forget);
    for (const channel of outdated) await logged(() => store.deleteRegistration(channel));
  }

  return {
    forgetChannels,
    run: async (signal) => {
      while (!signal.aborted) {
        await forgetChannels();
        await logged(() => store.deleteExpired(runtime.now()));
        await runtime.sleep(dayMs, signal).catch(() => {});
      }
    },
  };
}
