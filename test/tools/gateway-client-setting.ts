import { onTestFinished } from 'vitest';
import { createAnnouncer } from '../../src/distributor/announcer.js';
import { createChannels } from '../../src/distributor/channels.js';
import type { Pin } from '../../src/distributor/delivery/index.js';
import { createGatewayClient } from '../../src/distributor/gateway-client/index.js';
import type { GrantOutcome } from '../../src/distributor/grants.js';
import { createChangeTrust } from '../../src/distributor/management/index.js';
import { createRegistrar, createRegistrations } from '../../src/distributor/registration/index.js';
import { openStore, type Registration, StoreError } from '../../src/distributor/store/index.js';
import { createRuntime, silentLog } from '../../src/runtime.js';
import type { ScriptedGateway } from './scripted-gateway.js';
import { temporaryDirectory } from './temporary-directory.js';

/** The app that registers. */
export const service = 'org.example.App';
const address = 'alice@example.org';

/** A distributor without bus and mailbox, its state on a real disk; nothing is asked for before it is begun. */
export async function createGatewayClientSetting(url: string | undefined, directory?: string) {
  const store = await openStore(directory ?? (await temporaryDirectory()));
  onTestFinished(() => store.close());
  const runtime = createRuntime();
  const channels = createChannels(await store.registrations());
  const told: string[] = [];
  const disk = { isFull: false };
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const changed = (registration: Registration): void => client.registrationChanged(registration);
  const registrations = createRegistrations({
    address,
    busId: 'this bus',
    channels,
    store: {
      saveRegistrations: async (all) => {
        if (disk.isFull) throw new StoreError('ERR_STORE_WRITE', 'Full.');
        await store.saveRegistrations(all);
      },
    },
    runtime,
    changed,
    trustChanged: (registration) => {
      if (registration.retiredAt === null) changed(registration);
    },
  });
  /** Whether the app hears what it is told. */
  const app = { isUp: true };
  const newEndpoint = (_: unknown, endpoint: string, hasIt?: () => void): void => {
    told.push(endpoint);
    if (app.isUp) hasIt?.();
  };
  const announcer = createAnnouncer({ apps: { newEndpoint }, channels, store, log: silentLog });
  const apps = { ...announcer, unregistered: (): void => {} };
  const client = createGatewayClient({
    url,
    address,
    known: await store.gateways(),
    channels,
    registrations,
    store: {
      saveGateways: async (all) => {
        if (disk.isFull) throw new StoreError('ERR_STORE_WRITE', 'Full.');
        await store.saveGateways(all);
      },
    },
    apps,
    health: { trouble: () => {} },
    runtime,
    times: { diskMs: 20, retryFirstMs: 20, retryMaxMs: 40, firstCheckMs: 60_000 },
  });
  const bus = { uniqueName: ':1.2', nameOwner: async () => ':1.5', listActivatableNames: async () => [] };
  const parts = { channels, registrations, endpoints: client, apps, runtime };
  const about = { address, busId: 'this bus', ownNames: [], policy: 'allow' } as const;
  const registrar = createRegistrar({ bus, ...about, ...parts });
  const changeTrust = createChangeTrust({ channels, registrations, registrar, log: silentLog });

  return {
    store,
    channels,
    client,
    registrations,
    registrar,
    changeTrust,
    told,
    app,
    disk,
    begin: async (): Promise<void> => {
      await registrar.refresh();
      void client.run(ending.signal);
    },
    end: async (): Promise<void> => {
      ending.abort();
      await store.close();
    },
    register: async (token: string, change: { readonly vapid?: string; readonly sender?: string } = {}) => {
      const { vapid, sender } = change;
      return await registrar.register(':1.5', { protocol: 2, service, token, description: '', vapid, sender });
    },
    /** The mail with a grant comes, as the gateway would have sent it. */
    grant: async (gateway: ScriptedGateway, signer: Pin): Promise<GrantOutcome> => {
      const registration = channels.controls().at(-1);
      if (registration === undefined) throw new Error('There is no control channel.');
      const expires = Math.floor(Date.now() / 1000) + 90 * 86_400;
      const grant = { version: 1, gateway: gateway.url, nonce: gateway.nonce(), grant: 'granted', expires };
      return await client.take({ registration, payload: Buffer.from(JSON.stringify(grant)), signer });
    },
  };
}
