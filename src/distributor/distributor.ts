import { type Bus, BusError, connectBus, distributorPath, isUniqueName } from '../dbus/index.js';
import { MailpushError } from '../errors.js';
import { createMailbox, defaultTimes, type ImapAccount, type ImapTimes } from '../imap/index.js';
import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import { createApps } from './apps/index.js';
import { createChannels } from './channels.js';
import { createFolderProgress } from './folder-progress.js';
import { shortChannel } from './journal.js';
import { createPostRoom } from './post-room.js';
import { createRegistrar, distributor1, distributor2 } from './registration/index.js';
import { createDeliveredIds, openStore, type Store } from './store/index.js';

/** The name by which apps find this distributor. */
export const busName = 'org.unifiedpush.Distributor.mailpush';

/** What a distributor is started with. */
export interface DistributorOptions {
  readonly account: ImapAccount;
  /** The address that goes into endpoints. */
  readonly address: string;
  readonly stateDirectory: string;
  /** Whether apps may register. */
  readonly policy: 'allow' | 'deny';
  /** Refused pushes stay in the mailbox. */
  readonly keepRejected: boolean;
  /** Default: the session bus. */
  readonly busAddress?: string;
  /** Default: see {@link defaultTimes}. */
  readonly times?: Partial<ImapTimes>;
  readonly runtime: Runtime;
}

const dayMs = 24 * 60 * 60_000;
/** A retired channel's key is kept as long as a push for it can live, and a day more. */
const retiredMs = limits.maxTtlSeconds * 1000 + dayMs;

async function busIdOf(bus: Bus): Promise<string> {
  const [id] = await bus.call({
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'GetId',
    replySignature: 's',
  });
  return String(id);
}

/**
 * Runs the distributor until `signal` is aborted.
 *
 * Rejects with a `StoreError`; a `BusError`, `ERR_BUS_NAME_TAKEN` when another distributor runs and `ERR_BUS_CLOSED` when
 * the session bus ends; an `ImapError` `ERR_IMAP_LOGIN` when the very first login is refused; and with what the account's
 * `credentials` reject with then. Everything else that can happen to the line is waited out.
 */
export async function runDistributor(options: DistributorOptions, signal: AbortSignal): Promise<void> {
  const store = await openStore(options.stateDirectory);
  try {
    const { busAddress: address, runtime } = options;
    const bus = await connectBus({ signal, log: runtime.log, ...(address === undefined ? {} : { address }) });
    try {
      await serve(options, store, bus, signal);
    } finally {
      await bus.close();
    }
  } finally {
    await store.close();
  }
}

async function serve(options: DistributorOptions, store: Store, bus: Bus, signal: AbortSignal): Promise<void> {
  const { account, runtime } = options;
  const ending = new AbortController();
  const ended = AbortSignal.any([signal, ending.signal]);
  const apps = createApps(bus);
  const channels = createChannels(await store.registrations());
  const delivered = createDeliveredIds(await store.deliveredIds());
  const { folder } = account;
  const progress = createFolderProgress(store, runtime.log, folder, await store.folder(folder));
  const mailbox = createMailbox({
    account,
    times: { ...defaultTimes, ...options.times },
    runtime,
    progress: () => progress.progress,
    openUids: () => progress.openUids(),
  });
  const { keepRejected } = options;
  const room = createPostRoom({ mailbox, progress, keepRejected, channels, delivered, store, apps, runtime });
  const registrar = createRegistrar({
    bus,
    busId: await busIdOf(bus),
    ownNames: [busName],
    address: options.address,
    policy: options.policy,
    channels,
    store,
    apps,
    runtime,
    changed: (registration) => {
      const event = registration.retiredAt === null ? 'app.registered' : 'app.unregistered';
      runtime.log.info(
        { event, service: registration.service, channel: shortChannel(registration.channel) },
        'An app has changed its registration.',
      );
      room.registrationChanged(registration);
    },
  });

  async function sweep(): Promise<void> {
    const expired = delivered.expire(runtime.now());
    if (expired.length > 0) await store.deleteDeliveredIds(expired);
    for (const { channel, retiredAt } of channels.all()) {
      if (retiredAt === null || retiredAt + retiredMs > runtime.now()) continue;
      room.forget(channel);
      await store.deleteRegistration(channel);
    }
  }

  async function sweepDaily(): Promise<void> {
    while (!ended.aborted) {
      await sweep().catch((err: unknown) =>
        runtime.log.error({ event: 'store.write', err }, 'What is outdated could not be deleted.'),
      );
      await runtime.sleep(dayMs, ended).catch(() => {});
    }
  }

  async function takeMail(): Promise<void> {
    let wasConnected = false;
    let isDown = false;
    for await (const event of mailbox.events(ended)) {
      if (event.type === 'connected') {
        runtime.log.info({ event: 'imap.connected', idle: event.canIdle }, 'The mailbox is open.');
        wasConnected = true;
        isDown = false;
      }
      if (event.type === 'disconnected') {
        if (!wasConnected && isRefusedLogin(event.error)) throw event.error;
        const facts = { event: 'imap.disconnected', err: event.error, retryMs: Math.round(event.retryMs) };
        // Once per outage; the tries in between are for those who look closely.
        if (isDown) runtime.log.debug(facts, 'The mailbox is still out of reach.');
        else runtime.log.warn(facts, 'The mailbox is out of reach: it is tried again by itself.');
        isDown = true;
      }
      await room.take(event);
    }
  }

  try {
    const unwatch = await bus.watchNameOwners(({ name, newOwner }) => {
      if (newOwner !== '') room.appAppeared(name);
      else if (isUniqueName(name)) {
        registrar
          .connectionGone(name)
          .catch((err: unknown) =>
            runtime.log.error({ event: 'store.write', err }, 'A registration could not be ended.'),
          );
      }
    });
    bus.export(distributorPath, [distributor1(registrar, runtime.log), distributor2(registrar, runtime.log)]);
    await bus.requestName(busName);
    runtime.log.info({ event: 'daemon.ready' }, 'The distributor is there for the apps.');
    await registrar.refresh();
    const work = Promise.all([takeMail(), sweepDaily()]);
    try {
      await Promise.race([bus.closed, work]);
      if (!ended.aborted) throw busEnded();
    } finally {
      ending.abort();
      unwatch();
      await work.catch(() => {});
    }
  } finally {
    room.close();
  }
}

/** Only a refusal that somebody has to do something about: to knock again with the same password helps nobody. */
function isRefusedLogin(error: unknown): boolean {
  return error instanceof MailpushError && error.disposition === 'action-required' && error.code === 'ERR_IMAP_LOGIN';
}

function busEnded(): BusError {
  return new BusError(
    'ERR_BUS_CLOSED',
    'The D-Bus session has ended: start the daemon again in a session, its unit does that by itself.',
    {
      disposition: 'transient',
    },
  );
}
