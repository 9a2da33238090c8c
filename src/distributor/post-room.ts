import type { Found, Mailbox, MailboxEvent } from '../imap/index.js';
import type { Urgency } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Apps } from './apps/index.js';
import type { Channels } from './channels.js';
import { createCourierWork } from './courier-work.js';
import { type ChannelSummary, type Courier, createCourier, initialChannelState, summarize } from './delivery/index.js';
import type { Folders } from './folders.js';
import type { Grants } from './grants.js';
import type { Health } from './health.js';
import type { Misfiled } from './misfiled.js';
import { createRemovals, tellRefusals } from './removals.js';
import { type Registration, type Store, trustOf } from './store/index.js';
import type { Tally } from './tally.js';

/** What a {@link PostRoom} works with. */
export interface PostRoomOptions {
  readonly mailbox: Pick<Mailbox, 'fetch' | 'remove'>;
  readonly folders: Folders;
  readonly misfiled: Pick<Misfiled, 'opened'>;
  readonly health: Pick<Health, 'trouble'>;
  readonly keepRejected: boolean;
  readonly channels: Channels;
  readonly store: Pick<Store, 'record' | 'wasDelivered' | 'lastOfTopic'>;
  readonly apps: Pick<Apps, 'message'>;
  readonly grants: Grants;
  readonly tally: Pick<Tally, 'happened' | 'ended' | 'forget'>;
  readonly runtime: Runtime;
}

/** Takes what comes out of the mailbox to the courier of its channel. */
export interface PostRoom {
  /** Takes in what happened in the mailbox; resolves when it is on disk. */
  take(event: MailboxEvent): Promise<void>;
  /** A registration is new, was changed or has ended. */
  registrationChanged(registration: Registration): void;
  /** The user has said who may push on the channel of a registration. */
  trustChanged(registration: Registration): void;
  /** Forgets a channel that has been retired long enough. */
  forget(channel: string): void;
  /** A service has a new owner: whatever waits for it is tried at once. */
  appAppeared(service: string): void;
  /** The state of the device asks for this urgency at least: less urgent pushes are held. At first nothing is held. */
  minimumUrgency(minimum: Urgency): void;
  /** How the pushes of a channel stand; undefined when there is no such channel. */
  summary(channel: string): ChannelSummary | undefined;
  /**
   * Begins nothing any more. Resolves when what apps have been given is answered and on disk, so that they do not get
   * it again after the next start; after half a second at the latest.
   */
  close(): Promise<void>;
}

/** The whole process has 2 s to end; an app that is well answers within milliseconds. */
const closeMs = 500;

function groupByChannel(found: readonly Found[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const { uid, channel } of found) {
    const uids = groups.get(channel) ?? [];
    groups.set(channel, uids);
    uids.push(uid);
  }
  return groups;
}

/**
 * Makes the post room with a courier for every registration there is. Each delivers one push at a time, so that at most as
 * many are under way as there are registrations, which the registrar bounds; an app that hangs holds up its own only.
 */
export function createPostRoom(options: PostRoomOptions): PostRoom {
  const { mailbox, folders, keepRejected, channels, tally, runtime } = options;
  const couriers = new Map<string, Courier>();
  const work = { ...options, removals: createRemovals(tellRefusals(mailbox, options.health)) };
  let minimum: Urgency = 'very-low';

  function startCourier(registration: Registration): Courier {
    const { channel, retiredAt } = registration;
    const trust = trustOf(registration);
    const initial = initialChannelState({ trust, retired: retiredAt !== null, keepRejected, minimum });
    const courier = createCourier(initial, createCourierWork(channel, work), runtime);
    couriers.set(channel, courier);
    return courier;
  }

  for (const registration of channels.all()) startCourier(registration);

  async function looked(look: Extract<MailboxEvent, { type: 'looked' }>): Promise<void> {
    const { folder, found, gone, progress: reached } = look;
    const { uidValidity } = reached;
    const progress = folders.of(folder);
    // Channels that are not ours belong to the user's other devices; one that was ours is forgotten.
    const ours = found.filter(({ channel }) => couriers.has(channel));
    const forgotten = found.filter(({ channel }) => !couriers.has(channel)).map(({ uid }) => uid);
    const goneFrom = gone.map((uid) => ({ uid, channel: progress.channelOf(uid) }));
    await progress.looked({ found: ours, gone: [...gone, ...forgotten], progress: reached });
    for (const { uid, channel } of goneFrom) {
      if (channel !== undefined)
        couriers.get(channel)?.dispatch({ type: 'gone', message: { folder, uidValidity, uid } });
    }
    for (const [channel, uids] of groupByChannel(ours)) {
      const messages = uids.map((uid) => ({ folder, uidValidity, uid }));
      couriers.get(channel)?.dispatch({ type: 'found', messages });
    }
  }

  return {
    take: async (event) => {
      switch (event.type) {
        case 'looked':
          return await looked(event);
        case 'renumbered':
          for (const courier of couriers.values()) courier.dispatch(event);
          return;
        case 'connected':
        case 'disconnected':
        case 'announcements':
        case 'room':
          return;
      }
    },
    registrationChanged: (registration) => {
      const courier = couriers.get(registration.channel) ?? startCourier(registration);
      if (registration.retiredAt !== null && !courier.state.retired) courier.dispatch({ type: 'retired' });
    },
    trustChanged: (registration) => {
      const trust = trustOf(registration);
      couriers.get(registration.channel)?.dispatch({ type: 'trust changed', trust });
    },
    forget: (channel) => {
      void couriers.get(channel)?.close();
      couriers.delete(channel);
      channels.delete(channel);
      tally.forget(channel);
    },
    appAppeared: (service) => {
      for (const registration of [...channels.live(), ...channels.draining()]) {
        if (registration.service === service) couriers.get(registration.channel)?.dispatch({ type: 'app appeared' });
      }
    },
    minimumUrgency: (next) => {
      if (next === minimum) return;
      minimum = next;
      for (const courier of couriers.values()) courier.dispatch({ type: 'minimum urgency', minimum });
    },
    summary: (channel) => {
      const courier = couriers.get(channel);
      return courier === undefined ? undefined : summarize(courier.state, runtime.now());
    },
    close: async () => {
      const closed = new AbortController();
      const all = Promise.all([...couriers.values()].map((courier) => courier.close()));
      await Promise.race([all, runtime.sleep(closeMs, closed.signal).catch(() => {})]);
      closed.abort();
    },
  };
}
