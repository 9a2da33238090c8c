import type { Log } from '../runtime.js';
import type { Apps } from './apps/index.js';
import type { Channels } from './channels.js';
import type { Registration, Store } from './store/index.js';

/** What an {@link Announcer} works with. */
export interface AnnouncerOptions {
  readonly apps: Pick<Apps, 'newEndpoint'>;
  readonly channels: Pick<Channels, 'get' | 'put'>;
  readonly store: Pick<Store, 'saveRegistrations'>;
  readonly log: Log;
}

/** Tells apps their endpoints, and remembers that they were told: what a crash has cut off is told after the next start. */
export interface Announcer {
  /** Tells the app of a registration; see {@link Apps}. */
  newEndpoint(registration: Registration, endpoint: string): void;
}

/** Makes it. */
export function createAnnouncer({ apps, channels, store, log }: AnnouncerOptions): Announcer {
  async function told(channel: string, endpoint: string): Promise<void> {
    const known = channels.get(channel);
    // It may have got another one meanwhile, of which it is told next.
    if (known === undefined || known.isTold || (known.gateway?.endpoint ?? endpoint) !== endpoint) return;
    const registration = { ...known, isTold: true };
    channels.put(registration);
    try {
      await store.saveRegistrations([registration]);
    } catch (err) {
      log.warn({ event: 'store.write', err }, 'An app is told its endpoint once more after the next start.');
    }
  }

  return {
    newEndpoint: (registration, endpoint) =>
      apps.newEndpoint(registration, endpoint, () => void told(registration.channel, endpoint)),
  };
}
