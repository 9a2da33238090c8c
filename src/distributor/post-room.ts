import PQueue from 'p-queue';
import type { Found, Mailbox, MailboxEvent } from '../imap/index.js';
import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Apps } from './apps/index.js';
import type { Channels } from './channels.js';
import { type Courier, createCourier, initialChannelState, judge, type Outcome, type Pin } from './delivery/index.js';
import type { FolderProgress } from './folder-progress.js';
import { journal, shortChannel } from './journal.js';
import { openMail } from './open-mail.js';
import { createRemovals } from './removals.js';
import type { DeliveredIds, Registration, Store } from './store/index.js';

/** What a {@link PostRoom} works with. */
export interface PostRoomOptions {
  readonly mailbox: Mailbox;
  readonly progress: FolderProgress;
  readonly keepRejected: boolean;
  readonly channels: Channels;
  readonly delivered: DeliveredIds;
  readonly store: Store;
  readonly apps: Apps;
  readonly runtime: Runtime;
}

/** Takes what comes out of the mailbox to the courier of its channel, and what couriers ask for to where it is done. */
export interface PostRoom {
  /** Takes in what happened in the mailbox; resolves when it is on disk. */
  take(event: MailboxEvent): Promise<void>;
  /** A registration is new, was changed or has ended. */
  registrationChanged(registration: Registration): void;
  /** Forgets a channel that has been retired long enough. */
  forget(channel: string): void;
  /** A service has a new owner: whatever waits for it is tried at once. */
  appAppeared(service: string): void;
  close(): void;
}

/** Deliveries under way at once; an app that hangs holds one for 30 s, and each channel has one at most. */
const parallelDeliveries = 64;

function groupByChannel(found: readonly Found[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const { uid, channel } of found) {
    const uids = groups.get(channel) ?? [];
    groups.set(channel, uids);
    uids.push(uid);
  }
  return groups;
}

/** Makes the post room with a courier for every registration there is. */
export function createPostRoom(options: PostRoomOptions): PostRoom {
  const { mailbox, progress, keepRejected, channels, delivered, store, apps, runtime } = options;
  const couriers = new Map<string, Courier>();
  const removals = createRemovals(mailbox);
  const deliveries = new PQueue({ concurrency: parallelDeliveries });
  async function record(channel: string, outcome: Outcome, pin: Pin | undefined): Promise<void> {
    const registration = channels.get(channel);
    const pinned = pin !== undefined && registration !== undefined && registration.pin?.fingerprint !== pin.fingerprint;
    const changed = pinned ? { ...registration, pin } : undefined;
    if (changed !== undefined) channels.put(changed);
    if (outcome.kind === 'delivered') delivered.add({ channel, id: outcome.id, until: outcome.rememberUntil });
    await store.record({ channel, outcome, registration: changed });
  }

  function startCourier({ channel, pin, retiredAt }: Registration): Courier {
    const initial = initialChannelState({ pin: pin ?? undefined, retired: retiredAt !== null, keepRejected });
    const current = (): Registration => {
      const registration = channels.get(channel);
      if (registration === undefined) throw new Error(`There is no channel ${shortChannel(channel)} any more.`);
      return registration;
    };
    const courier = createCourier(
      initial,
      {
        open: async (message, pinned) => {
          const mail = await mailbox.fetch(message, limits.mailBytes + 1);
          if (mail.kind === 'gone') return undefined;
          return await openMail(mail.bytes, { key: await channels.key(current()), pin: pinned, now: runtime.now() });
        },
        judge: (mail, state) =>
          judge(mail, {
            channel,
            address: current().address,
            pin: state.pin,
            sender: current().sender ?? undefined,
            retired: state.retired,
            wasDelivered: (id) => delivered.has(channel, id),
            now: runtime.now(),
          }),
        deliver: async (push) => await deliveries.add(() => apps.message(current(), push)),
        record: async (outcome, pinned) => await record(channel, outcome, pinned),
        remove: async (message) => {
          await removals.remove(message);
          progress.letGo(message);
        },
        leave: (message) => progress.letGo(message),
        happened: (event, state) => journal(runtime.log, channel, event, state),
        failed: (err) =>
          runtime.log.debug({ event: 'push.failed', channel: shortChannel(channel), err }, 'Tried again.'),
      },
      runtime,
    );
    couriers.set(channel, courier);
    return courier;
  }

  for (const registration of channels.all()) startCourier(registration);

  async function looked(event: Extract<MailboxEvent, { type: 'looked' }>): Promise<void> {
    const { uidValidity } = event.progress;
    // Channels that are not ours belong to the user's other devices.
    const ours = event.found.filter(({ channel }) => couriers.has(channel));
    const goneFrom = event.gone.map((uid) => ({ uid, channel: progress.channelOf(uid) }));
    // Opening need not wait for the disk: without this note the messages are only looked at once more.
    const noted = progress.looked({ ...event, found: ours });
    for (const { uid, channel } of goneFrom) {
      if (channel !== undefined) couriers.get(channel)?.dispatch({ type: 'gone', message: { uidValidity, uid } });
    }
    for (const [channel, uids] of groupByChannel(ours)) {
      const messages = uids.map((uid) => ({ uidValidity, uid }));
      couriers.get(channel)?.dispatch({ type: 'found', messages });
    }
    await noted;
  }

  return {
    take: async (event) => {
      switch (event.type) {
        case 'looked':
          return await looked(event);
        case 'renumbered':
          for (const courier of couriers.values()) courier.dispatch({ type: 'renumbered' });
          return;
        case 'connected':
        case 'disconnected':
          return;
      }
    },
    registrationChanged: (registration) => {
      const courier = couriers.get(registration.channel) ?? startCourier(registration);
      if (registration.retiredAt !== null && !courier.state.retired) courier.dispatch({ type: 'retired' });
    },
    forget: (channel) => {
      couriers.get(channel)?.close();
      couriers.delete(channel);
      delivered.drop(channel);
      channels.delete(channel);
    },
    appAppeared: (service) => {
      for (const registration of channels.live()) {
        if (registration.service === service) couriers.get(registration.channel)?.dispatch({ type: 'app appeared' });
      }
    },
    close: () => {
      for (const courier of couriers.values()) courier.close();
    },
  };
}
