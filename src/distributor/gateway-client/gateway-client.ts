import { isUniqueName } from '../../dbus/index.js';
import type { Runtime } from '../../runtime.js';
import type { Announcer } from '../announcer.js';
import type { Channels } from '../channels.js';
import { createMailtoEndpoints, type Endpoints } from '../endpoints.js';
import type { GrantOutcome, Grants } from '../grants.js';
import type { Health } from '../health.js';
import { shortChannel } from '../journal.js';
import type { Registrations } from '../registration/index.js';
import type { GatewayRecord, Registration, Store } from '../store/index.js';
import { createGatewayApi } from './gateway-api.js';
import { sealOf, unsealed } from './gateway-endpoint.js';
import { readGrant } from './grant-payload.js';
import { createMachine, type Machine } from './machine.js';
import { createPerform } from './perform.js';
import { recordOf, stateOf } from './record.js';
import { endpointNote, type GatewayReport, reportOf } from './report.js';
import { type GatewayState, initialGatewayState } from './state.js';
import { type GatewayTimes, gatewayTimes } from './times.js';

/** What a {@link GatewayClient} works with. */
export interface GatewayClientOptions {
  /** The origin of the gateway; undefined: apps get `mailto:` endpoints, and a former gateway is told what has ended. */
  readonly url: string | undefined;
  /** Certificates in PEM, trusted beside the usual authorities. */
  readonly ca?: string | undefined;
  /** The mail address of the endpoints. */
  readonly address: string;
  /** What the store knows of gateways. */
  readonly known: readonly GatewayRecord[];
  readonly channels: Channels;
  readonly registrations: Registrations;
  readonly store: Pick<Store, 'saveGateways'>;
  readonly apps: Announcer;
  readonly health: Pick<Health, 'trouble'>;
  /** Default: {@link gatewayTimes}. */
  readonly times?: Partial<GatewayTimes> | undefined;
  readonly runtime: Runtime;
}

/**
 * Gets the endpoints of apps from a gateway (docs/gateway.md, For distributors), keeps them good, and takes back those whose
 * registration has ended.
 */
export interface GatewayClient extends Endpoints, Grants {
  /** A registration is new, was changed or replaced, has ended, or others may push on its channel than before. */
  registrationChanged(registration: Registration): void;
  /** The network is back, or the machine was asleep. */
  wake(): void;
  /** Works until `signal` is aborted, when it resolves; to be called once registrations are up to date. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** How the gateway is; undefined without one. */
  report(): GatewayReport | undefined;
  /** What stands between an app and its endpoint; undefined: nothing. */
  note(channel: string): string | undefined;
}

type Named = Pick<GatewayState, 'url' | 'address'>;

const isSame = (a: Named, b: Named): boolean => a.url === b.url && a.address === b.address;

/** Makes it; nothing is asked for before it is run. */
export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  const { url, ca, address, known, channels, registrations, store, apps, health, runtime } = options;
  const { log } = runtime;
  const mailto = createMailtoEndpoints(channels);
  const times = { ...gatewayTimes, ...options.times };
  const isCurrent = (one: Named): boolean => url !== undefined && isSame(one, { url, address });

  async function save(): Promise<void> {
    await store.saveGateways(machines.map(({ state }) => recordOf(state)));
  }

  function machineOf(initial: GatewayState): Machine {
    const api = createGatewayApi({ url: initial.url, ca, runtime });
    return createMachine(initial, {
      perform: createPerform({ api, url: initial.url, channels, registrations, apps, runtime }),
      save,
      changed: (state) => {
        if (!state.isFormer) health.trouble('gateway', reportOf(state, runtime.now()).sentence);
      },
      runtime,
    });
  }

  /** A former gateway is of use as long as something that it has sealed has to end one day. */
  function isOfUse(record: GatewayRecord): boolean {
    if (record.grant === null || record.grant.expires <= runtime.now()) return false;
    const isOurs = (one: Registration): boolean => one.gateway?.url === record.url && one.address === record.address;
    const isSealed = channels.all().some((one) => isOurs(one) && sealOf(one) !== null);
    return record.revocations.length > 0 || isSealed;
  }

  /** A control channel that is not known any more takes no grant. */
  function withoutLost(state: GatewayState): GatewayState {
    const { request } = state;
    if (request.stage === 'none' || request.stage === 'preparing') return state;
    if (channels.get(request.channel)?.retiredAt === null) return state;
    return { ...state, request: { stage: 'none' } };
  }

  function currentMachine(): Machine | undefined {
    if (url === undefined) return undefined;
    const record = known.find(isCurrent);
    const state =
      record === undefined
        ? initialGatewayState({ url, address, isFormer: false, times })
        : withoutLost(stateOf(record, { isFormer: false, times }));
    return machineOf(state);
  }

  const current = currentMachine();
  const former = known.filter((record) => !isCurrent(record) && isOfUse(record));
  const machines: readonly Machine[] = [
    ...(current === undefined ? [] : [current]),
    ...former.map((record) => machineOf({ ...stateOf(record, { isFormer: true, times }), request: { stage: 'none' } })),
  ];

  /** An app that names its app server's key has one that sends mail; so has one whose user has named another key. */
  const mayPush = ({ sender }: Pick<Registration, 'sender'>): boolean =>
    sender === null || sender === current?.state.pin?.fingerprint;

  function registrationChanged(registration: Registration): void {
    const { purpose, channel, gateway, vapid, pin, retiredAt, replacedAt } = registration;
    if (purpose !== 'app' || gateway === null) return;
    const named = { url: gateway.url, address: registration.address };
    const machine = machines.find(({ state }) => isSame(state, named));
    const seal = sealOf(registration);
    if (retiredAt !== null) void machine?.dispatch({ type: 'ended', channel, sealed: seal ?? undefined });
    else if (replacedAt !== null || !mayPush(registration)) void machine?.dispatch({ type: 'replaced', channel });
    else if (machine === current) {
      const pinned = pin?.fingerprint ?? null;
      const service = isUniqueName(registration.service) ? '' : registration.service;
      void machine?.dispatch({ type: 'registered', app: { channel, service, vapid, pinned, seal } });
    }
  }

  /** Control channels of former gateways, and what a crash has left. */
  async function retireControls(): Promise<void> {
    const request = current?.state.request;
    const used =
      request === undefined || request.stage === 'none' || request.stage === 'preparing' ? undefined : request.channel;
    try {
      await registrations.inTurn(async () => {
        const unused = channels.controls().filter(({ channel }) => channel !== used);
        await registrations.retire(...unused.map(({ channel }) => channel));
      });
    } catch (err) {
      log.error({ event: 'store.write', err }, 'The control channel of a former gateway could not be ended.');
    }
  }

  /** It has come before and is used, but the disk did not take it. */
  async function writtenDown(): Promise<GrantOutcome> {
    try {
      await save();
      return 'accepted';
    } catch {
      return 'unavailable';
    }
  }

  return {
    gatewayFor: (app) => (url === undefined || !mayPush(app) ? mailto.gatewayFor(app) : unsealed(url)),
    endpointOf: async (registration) => {
      const inMail = await mailto.endpointOf(registration);
      if (registration.gateway === null) return inMail;
      const app = current?.state.apps.get(registration.channel);
      const seal = app === undefined ? sealOf(registration) : app.seal;
      const isGood = seal !== null && seal.vapid === registration.vapid && seal.expires > runtime.now();
      return isGood ? seal.endpoint : undefined;
    },
    take: async ({ registration: { channel, gateway }, payload, signer }) => {
      if (current === undefined || gateway?.url !== url) return 'unwanted';
      const held = current.state.grant?.token;
      if (held !== undefined && Buffer.from(payload).includes(held)) return await writtenDown();
      const grant = readGrant(payload, channel, current.state, runtime.now());
      if ('problem' in grant) {
        const facts = { event: 'gateway.grant', channel: shortChannel(channel), reason: grant.problem };
        log.warn(facts, 'A grant of a gateway was refused.');
        return 'unwanted';
      }
      const { token, expires } = grant;
      const isSaved = await current.dispatch({ type: 'granted', token, expires, pin: signer });
      if (isSaved) log.info({ event: 'gateway.granted' }, 'The gateway seals endpoints for this mailbox from now on.');
      return isSaved ? 'accepted' : 'unavailable';
    },
    registrationChanged,
    wake: () => {
      for (const machine of machines) void machine.dispatch({ type: 'woken' });
    },
    run: async (signal) => {
      await retireControls();
      const runs = machines.map((machine) => machine.run(signal));
      channels.all().forEach(registrationChanged);
      await Promise.all(runs);
    },
    report: () => current && reportOf(current.state, runtime.now()),
    note: (channel) => current && endpointNote(current.state, channel, runtime.now()),
  };
}
