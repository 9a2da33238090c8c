import { type Bus, BusError, connectBus, distributorPath, isUniqueName } from '../dbus/index.js';
import { createMailbox, defaultTimes, type ImapAccount, type ImapTimes, type Progress } from '../imap/index.js';
import type { Runtime } from '../runtime.js';
import { createAnnouncer } from './announcer.js';
import { createApps } from './apps/index.js';
import { busName } from './bus-name.js';
import { createChannels } from './channels.js';
import { createDevice, minimumUrgency } from './device/index.js';
import { createFolders } from './folders.js';
import { createGatewayClient, type GatewayClientOptions } from './gateway-client/index.js';
import { createHealth, type Health } from './health.js';
import { createHousekeeping } from './housekeeping.js';
import { logChange } from './journal.js';
import { takeMail } from './mail-intake.js';
import { createAnswers, createChangeTrust, management1, openManagement } from './management/index.js';
import { createMisfiled } from './misfiled.js';
import { createPostRoom } from './post-room.js';
import { createRegistrar, createRegistrations, distributor1, distributor2 } from './registration/index.js';
import { openStore, type Registration, type Store } from './store/index.js';
import { createTally } from './tally.js';

/** What a distributor is started with. */
export interface DistributorOptions {
  readonly account: ImapAccount;
  /** The address that goes into endpoints. */
  readonly address: string;
  readonly stateDirectory: string;
  /** The gateway that apps get endpoints of (docs/gateway.md). Default: none, they get `mailto:` endpoints. */
  readonly gateway?: Pick<GatewayClientOptions, 'ca' | 'times'> & { readonly url: string };
  /** Whether apps may register. */
  readonly policy: 'allow' | 'deny';
  /** Refused pushes stay in the mailbox. */
  readonly keepRejected: boolean;
  /** Default: the session bus. */
  readonly busAddress?: string;
  /** Where the state of the device is asked for. Default: the system bus. */
  readonly systemBusAddress?: string;
  /** Default: see {@link defaultTimes}. */
  readonly times?: Partial<ImapTimes>;
  /** Of mailpush, for those who ask how the daemon is. */
  readonly version: string;
  readonly runtime: Runtime;
}

/** Of a folder that was never looked at although there are registrations: whatever is in it may be for them. */
const neverLooked: Progress = { uidValidity: '0', lastUid: 0 };

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
 * the session bus ends; and an `ImapError` `ERR_IMAP_LOGIN` when the very first login is refused. Everything else that can
 * happen to the line is waited out.
 */
export async function runDistributor(options: DistributorOptions, signal: AbortSignal): Promise<void> {
  const { busAddress: address, runtime } = options;
  const health = createHealth(runtime);
  const store = await openStore(options.stateDirectory, { runtime, trouble: health.trouble });
  try {
    const connect = async (until: AbortSignal): Promise<Bus> =>
      await connectBus({ signal: until, log: runtime.log, ...(address === undefined ? {} : { address }) });
    const bus = await connect(signal);
    try {
      await serve(options, store, bus, health, connect, signal);
    } finally {
      await bus.close();
    }
  } finally {
    await store.close();
  }
}

async function serve(
  options: DistributorOptions,
  store: Store,
  bus: Bus,
  health: Health,
  connect: (signal: AbortSignal) => Promise<Bus>,
  signal: AbortSignal,
): Promise<void> {
  const { account, address, version, keepRejected, policy, runtime } = options;
  const { log } = runtime;
  const tally = createTally(runtime);
  const apps = createApps(bus, log);
  const channels = createChannels(await store.registrations());
  const announcer = createAnnouncer({ apps, channels, store, log });
  const folders = createFolders(store, log, await store.folders());
  const mailbox = createMailbox({
    account,
    times: { ...defaultTimes, ...options.times },
    runtime,
    progress: (folder) => folders.of(folder).progress ?? (channels.all().length > 0 ? neverLooked : undefined),
    openUids: (folder) => folders.of(folder).openUids(),
  });
  const misfiled = createMisfiled({ folder: account.folder, health, log });
  const room = createPostRoom({
    mailbox,
    folders,
    misfiled,
    health,
    keepRejected,
    channels,
    store,
    apps,
    grants: { take: async (grant) => await gateway.take(grant) },
    tally,
    runtime,
  });
  const device = createDevice({
    ...(options.systemBusAddress === undefined ? {} : { busAddress: options.systemBusAddress }),
    runtime,
    changed: (state) => room.minimumUrgency(minimumUrgency(state)),
    wake: (reason) => {
      mailbox.wake(reason);
      gateway.wake();
    },
  });
  function changed(registration: Registration): void {
    logChange(log, registration);
    room.registrationChanged(registration);
    gateway.registrationChanged(registration);
    if (registration.retiredAt !== null) void housekeeping.forgetChannels();
  }

  function trustChanged(registration: Registration): void {
    room.trustChanged(registration);
    if (registration.retiredAt === null) gateway.registrationChanged(registration);
  }

  const busId = await busIdOf(bus);
  const registrations = createRegistrations({ address, busId, channels, store, runtime, changed, trustChanged });
  const housekeeping = createHousekeeping({ channels, registrations, store, forget: room.forget, runtime });
  const gateway = createGatewayClient({
    ...options.gateway,
    url: options.gateway?.url,
    // A former gateway is to be reached too.
    ca: options.gateway?.ca ?? account.ca,
    address,
    known: await store.gateways(),
    channels,
    registrations,
    store,
    apps: announcer,
    health,
    runtime,
  });
  const registrar = createRegistrar({
    bus,
    busId,
    ownNames: [busName],
    address,
    policy,
    channels,
    registrations,
    endpoints: gateway,
    apps: { ...announcer, unregistered: apps.unregistered },
    runtime,
  });

  const unwatch = await bus.watchNameOwners(({ name, newOwner }) => {
    if (newOwner !== '') room.appAppeared(name);
    else if (isUniqueName(name)) {
      registrar
        .connectionGone(name)
        .catch((err: unknown) => log.error({ event: 'store.write', err }, 'A registration could not be ended.'));
    }
  });
  bus.export(distributorPath, [distributor1(registrar, log), distributor2(registrar, log)]);

  const ending = new AbortController();
  const ended = AbortSignal.any([signal, ending.signal]);
  const underWay: Promise<unknown>[] = [];
  try {
    await bus.requestName(busName);
    const parts = { channels, room, health, device, tally, gateway };
    const answers = createAnswers({ version, address, account, bus, ...parts, runtime });
    const changeTrust = createChangeTrust({ channels, registrations, registrar, log });
    const management = { connect, interfaces: [management1(answers, changeTrust)], health, runtime };
    underWay.push((await openManagement(management, ended)).ended);
    log.info({ event: 'daemon.ready' }, 'The distributor is there for the apps.');
    await registrar.refresh();
    const work = Promise.all([
      takeMail(mailbox, room, [health, misfiled], log, ended),
      housekeeping.run(ended),
      device.run(ended),
      gateway.run(ended),
    ]);
    // As soon as the end is called for, so that answers of apps and of the mail server are waited for at the same time.
    underWay.push(
      work,
      onAborted(ended).then(() => room.close()),
    );
    await Promise.race([bus.closed, work, store.broken]);
    if (!ended.aborted) throw busEnded();
  } finally {
    ending.abort();
    unwatch();
    await Promise.allSettled(underWay);
  }
}

/** Resolves when the signal is aborted. */
async function onAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

function busEnded(): BusError {
  return new BusError(
    'ERR_BUS_CLOSED',
    'The D-Bus session has ended: start the daemon again in a session, its unit does that by itself.',
    { disposition: 'transient' },
  );
}
