import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Channels } from './channels.js';
import type { Registrations } from './registration/index.js';
import type { Registration, Store } from './store/index.js';

const dayMs = 24 * 60 * 60_000;
/** A retired channel's key is kept as long as a push for it can live, and a day more. */
export const retiredMs: number = limits.maxTtlSeconds * 1000 + dayMs;
/** What comes for a channel that was replaced is delivered for as long as a push can live that was sent just before. */
export const drainMs: number = limits.maxTtlSeconds * 1000;
/** As many as there can be registrations; more comes of a user who has changed the address again and again. */
export const maxDraining: number = 1000;
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

/**
 * The channels that have drained long enough at `now`, in ms since 1970. One whose app is still without another endpoint, because
 * its gateway has not given one yet, goes on until it is there.
 */
export function drainedChannels(registrations: readonly Registration[], now: number): string[] {
  const open = registrations.filter(({ purpose, retiredAt }) => purpose === 'app' && retiredAt === null);
  const ownerOf = ({ service, token }: Registration): string => JSON.stringify([service, token]);
  const isWaiting = ({ replacedAt, gateway }: Registration): boolean =>
    replacedAt === null && gateway !== null && gateway.endpoint === null;
  const waiting = new Set(open.filter(isWaiting).map(ownerOf));
  const draining = open
    .flatMap((one) => (one.replacedAt === null ? [] : [{ ...one, replacedAt: one.replacedAt }]))
    .sort((a, b) => b.replacedAt - a.replacedAt);
  return draining
    .filter((one, index) => {
      const isOver = one.replacedAt + drainMs <= now && !waiting.has(ownerOf(one));
      return index >= maxDraining || isOver;
    })
    .map(({ channel }) => channel);
}

/** What housekeeping works on. */
export interface HousekeepingOptions {
  readonly channels: Pick<Channels, 'all'>;
  readonly registrations: Pick<Registrations, 'inTurn' | 'retire'>;
  readonly store: Pick<Store, 'deleteRegistration' | 'deleteExpired'>;
  /** Forgets a channel in memory. */
  readonly forget: (channel: string) => void;
  readonly runtime: Runtime;
}

/** Ends what has drained, and forgets what nobody can ask for any more. */
export interface Housekeeping {
  /** Forgets outdated channels: to be called when one more has been retired. Never rejects. */
  forgetChannels(): Promise<void>;
  /** Ends drained channels and forgets outdated ones, and ids, now and once a day, until `signal` is aborted. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Makes it. */
export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { channels, registrations, store, forget, runtime } = options;

  async function logged(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (err) {
      runtime.log.error({ event: 'store.write', err }, 'What is outdated could not be ended or deleted.');
    }
  }

  async function forgetChannels(): Promise<void> {
    const outdated = outdatedChannels(channels.all(), runtime.now());
    outdated.forEach(forget);
    for (const channel of outdated) await logged(() => store.deleteRegistration(channel));
  }

  async function endDrained(): Promise<void> {
    await registrations.inTurn(async () => {
      await registrations.retire(...drainedChannels(channels.all(), runtime.now()));
    });
  }

  return {
    forgetChannels,
    run: async (signal) => {
      while (!signal.aborted) {
        await logged(endDrained);
        await forgetChannels();
        await logged(() => store.deleteExpired(runtime.now()));
        await runtime.sleep(dayMs, signal).catch(() => {});
      }
    },
  };
}
