import { onTestFinished } from 'vitest';
import { createAnnouncer } from '../../src/distributor/announcer.js';
import { createChannels } from '../../src/distributor/channels.js';
import { createMailtoEndpoints } from '../../src/distributor/endpoints.js';
import {
  createRegistrar,
  createRegistrations,
  type RegistrarOptions,
} from '../../src/distributor/registration/index.js';
import { openStore, type Registration, type Store, StoreError } from '../../src/distributor/store/index.js';
import { silentLog } from '../../src/runtime.js';
import { createManualTime } from './manual-time.js';
import { temporaryDirectory } from './temporary-directory.js';

type RegisterRequest = Parameters<ReturnType<typeof createRegistrar>['register']>[1];

/** What a full disk makes writes reject with. */
export const full: StoreError = new StoreError('ERR_STORE_WRITE', 'Full.');

/** What an app asks for, but for what `change` says. */
export const requestOf = (change: Partial<RegisterRequest> = {}): RegisterRequest => ({
  protocol: 2,
  service: 'org.example.App',
  token: 'token',
  description: 'Notes',
  vapid: undefined,
  sender: undefined,
  ...change,
});

/** A registrar on a bus of the test's making; what it writes is on a real disk. */
export async function createSetting(change: Partial<RegistrarOptions> = {}, directory?: string) {
  const store = await openStore(directory ?? (await temporaryDirectory()));
  onTestFinished(() => store.close());
  const channels = createChannels(await store.registrations());
  const owners = new Map([
    ['org.example.App', ':1.5'],
    ['org.example.Other', ':1.6'],
    [':1.5', ':1.5'],
    [':1.6', ':1.6'],
  ]);
  const time = createManualTime();
  const told: string[] = [];
  const changed: Registration[] = [];
  const trusted: Registration[] = [];
  const writes: string[][] = [];
  const unheard: (() => void)[] = [];
  const disk = { isFull: false, beforeWrite: (): void => {} };
  const saveRegistrations: Store['saveRegistrations'] = async (registrations) => {
    disk.beforeWrite();
    if (disk.isFull) throw full;
    await store.saveRegistrations(registrations);
    writes.push(registrations.map(({ channel }) => channel));
  };
  const { address = 'alice@example.org', busId = 'this bus' } = change;
  const registrations = createRegistrations({
    address,
    busId,
    channels,
    store: { saveRegistrations },
    runtime: time.runtime,
    changed: (registration) => changed.push(registration),
    trustChanged: (registration) => trusted.push(registration),
  });
  const registrar = createRegistrar({
    bus: {
      uniqueName: ':1.2',
      nameOwner: async (name) => owners.get(name),
      listActivatableNames: async () => ['org.example.Started'],
    },
    busId,
    ownNames: ['org.unifiedpush.Distributor.mailpush'],
    address,
    policy: 'allow',
    channels,
    registrations,
    endpoints: createMailtoEndpoints(channels),
    apps: {
      ...createAnnouncer({
        apps: {
          newEndpoint: (app, endpoint, hasIt) => {
            told.push(`${app.service} ${app.token} v${app.protocol} ${endpoint}`);
            if (hasIt !== undefined) unheard.push(hasIt);
          },
        },
        channels,
        store,
        log: silentLog,
      }),
      unregistered: (app, confirmation) => told.push(`${app.service} ${app.token} gone ${confirmation}`),
    },
    runtime: time.runtime,
    ...change,
  });
  /** The apps hear what they were told so far. */
  const hear = (): void => {
    for (const hasIt of unheard.splice(0)) hasIt();
  };
  return { registrar, registrations, store, channels, owners, time, told, hear, changed, trusted, writes, disk };
}

/** A registrar that was started anew after one with which these apps had registered. */
export async function restarted(change: Partial<RegistrarOptions>, requests: readonly RegisterRequest[]) {
  const directory = await temporaryDirectory();
  const before = await createSetting({}, directory);
  for (const request of requests) await before.registrar.register(':1.5', request);
  before.hear();
  await before.store.close();
  return { before, after: await createSetting(change, directory) };
}
