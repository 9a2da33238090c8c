import { begin, type Step, withApp } from './begin.js';
import { recentlyMailed } from './grant-request.js';
import { began, failed, reopened, succeeded } from './lanes.js';
import type { App, Effect, GatewayEvent, GatewayState, Happening, Revocation, Seal, Work } from './state.js';

type Of<Type extends GatewayEvent['type']> = Extract<Happening, { type: Type }> & Pick<GatewayEvent, 'now' | 'chance'>;

const idle: Work = { stage: 'idle' };
const only = (state: GatewayState): Step => ({ state, effects: [] });

/** More than that nobody can have unregistered within the life of a seal, but for a program gone wild. */
const maxRevocations = 1000;

/** The state after two thirds of a life: what is left suffices for a gateway that is away for weeks. */
export function renewAt(now: number, expires: number, minMs: number): number {
  return now + Math.max(minMs, ((expires - now) * 2) / 3);
}

function toRevoke(state: GatewayState, ...more: readonly Revocation[]): GatewayState {
  const fresh = more.filter(({ endpoint }) => !state.revocations.has(endpoint));
  if (fresh.length === 0) return state;
  const revocations = new Map(state.revocations);
  for (const one of fresh) revocations.set(one.endpoint, one);
  while (revocations.size > maxRevocations) revocations.delete(revocations.keys().next().value ?? '');
  return { ...state, revocations };
}

const revocationOf = (channel: string, { endpoint, expires }: Omit<Revocation, 'channel'>): Revocation => ({
  channel,
  endpoint,
  expires,
});

function withoutApp(state: GatewayState, channel: string): GatewayState {
  const apps = new Map(state.apps);
  apps.delete(channel);
  return { ...state, apps };
}

/** Spread by a tenth to both sides, so that endpoints that were made together are not looked at together for ever. */
const nextCheckAt = ({ times }: GatewayState, { now, chance }: Pick<GatewayEvent, 'now' | 'chance'>): number =>
  now + times.checkMs * (0.9 + chance / 5);

function registered(state: GatewayState, { app, now, chance }: Of<'registered'>): Step {
  const { channel, service, vapid, pinned } = app;
  const known = state.apps.get(channel);
  if (known === undefined) {
    const seal = app.seal !== null && app.seal.expires > now ? app.seal : null;
    const checkAt = now + state.times.firstCheckMs * chance;
    return only(withApp(state, { channel, service, vapid, pinned, seal, checkAt, since: now, work: idle }));
  }
  // Another key may be one that can be sealed.
  const work = known.work.stage === 'refused' && known.vapid !== vapid ? idle : known.work;
  return only(withApp(state, { ...known, vapid, pinned, work }));
}

/** The seal that its app was not told of yet. */
function unspoken({ work }: App): Seal | undefined {
  return work.stage === 'writing' || work.stage === 'unwritten' ? work.seal : undefined;
}

function ended(state: GatewayState, { channel, sealed }: Of<'ended'>): Step {
  const app = state.apps.get(channel);
  const seals = [sealed, app && unspoken(app), app?.seal ?? undefined].filter((seal) => seal !== undefined);
  return only(toRevoke(withoutApp(state, channel), ...seals.map((seal) => revocationOf(channel, seal))));
}

function prepared(state: GatewayState, { channel, nonce, now }: Of<'prepared'>): Step {
  if (state.request.stage !== 'preparing') return only(state);
  const request = { stage: 'sending', channel, nonce, since: now } as const;
  const next: GatewayState = { ...state, request, isAsking: true };
  return { state: began(next, now), effects: [{ type: 'ask', channel, nonce }] };
}

function asked(state: GatewayState, { now }: Of<'asked'>): Step {
  const { request } = state;
  const mailed = [...recentlyMailed(state.mailed, now), now];
  // The mail may have been quicker than the answer.
  const next: GatewayState['request'] =
    request.stage === 'sending' ? { ...request, stage: 'waiting', since: now } : request;
  return only({ ...succeeded(state, 'grant'), request: next, isAsking: false, mailed });
}

function askFailed(before: GatewayState, event: Of<'ask failed'>): Step {
  const state = { ...before, isAsking: false };
  const { request } = state;
  if (request.stage !== 'sending') return only(state);
  return only(failed({ ...state, request: { ...request, stage: 'failed' } }, 'grant', event.failure, event));
}

function granted(state: GatewayState, { token, expires, pin, now }: Of<'granted'>): Step {
  const grant = { token, expires, renewAt: renewAt(now, expires, state.times.renewMinMs) };
  return only({ ...state, request: { stage: 'none' }, grant, pin });
}

function sealed(state: GatewayState, { channel, sealed: got, now }: Of<'sealed'>): Step {
  const so = succeeded(state, 'seal');
  const { endpoint, expires, vapid, sender } = got;
  const app = so.apps.get(channel);
  if (app?.work.stage !== 'sealing') return only(toRevoke(so, revocationOf(channel, got)));
  const free = withApp(so, { ...app, work: idle });
  // The gateway has another key: only a new grant tells which. What it has sealed nobody was told of.
  if (so.pin?.fingerprint !== sender) return only({ ...free, grant: undefined });
  if (vapid !== app.vapid) return only(toRevoke(free, revocationOf(channel, got)));
  const seal: Seal = { endpoint, expires, vapid, renewAt: renewAt(now, expires, so.times.renewMinMs) };
  return {
    state: withApp(so, { ...app, work: { stage: 'writing', seal, pin: so.pin } }),
    effects: [{ type: 'write', channel, seal, pin: so.pin }],
  };
}

/** A grant that was refused is not used any more, unless there is another one by now. */
function withoutGrant(state: GatewayState, token: string): GatewayState {
  return state.grant?.token === token ? { ...state, grant: undefined } : state;
}

function sealFailed(state: GatewayState, event: Of<'seal failed'>): Step {
  const { channel, grant, failure, now } = event;
  const app = state.apps.get(channel);
  const free = app?.work.stage === 'sealing' ? withApp(state, { ...app, work: idle }) : state;
  switch (failure.code) {
    case 'ERR_GATEWAY_GRANT':
      return only(withoutGrant(free, grant));
    case 'ERR_GATEWAY_REFUSED': {
      if (app?.work.stage !== 'sealing') return only(state);
      const retryAt = now + state.times.unsealableMs;
      return only(withApp(succeeded(state, 'seal'), { ...app, work: { stage: 'refused', failure, retryAt } }));
    }
    default:
      return only(failed(free, 'seal', failure, event));
  }
}

function written(state: GatewayState, event: Of<'written'>): Step {
  const { channel, endpoint } = event;
  const app = state.apps.get(channel);
  if (app?.work.stage !== 'writing' || app.work.seal.endpoint !== endpoint) return only(state);
  const { seal, pin } = app.work;
  const old = app.seal !== null && app.seal.vapid !== seal.vapid ? [revocationOf(channel, app.seal)] : [];
  const pinned = pin.fingerprint;
  const next = { ...app, seal, pinned, checkAt: nextCheckAt(state, event), work: idle };
  // Either may have changed while it was being written.
  const isCurrent = seal.vapid === app.vapid && pinned === state.pin?.fingerprint;
  const effects: Effect[] = isCurrent ? [{ type: 'tell', channel, endpoint }] : [];
  return { state: toRevoke(withApp(state, next), ...old), effects };
}

function writeFailed(state: GatewayState, { channel, now }: Of<'write failed'>): Step {
  const app = state.apps.get(channel);
  if (app?.work.stage !== 'writing') return only(state);
  const retryAt = now + state.times.diskMs;
  return only(withApp(state, { ...app, work: { ...app.work, stage: 'unwritten', retryAt } }));
}

function checked(state: GatewayState, event: Of<'checked'>): Step {
  const { channel, endpoint, isGood, now } = event;
  const app = state.apps.get(channel);
  const so = succeeded(state, 'check');
  if (app?.work.stage !== 'checking' || app.seal === null) return only(so);
  const checkAt = nextCheckAt(so, event);
  if (isGood || app.seal.endpoint !== endpoint) return only(withApp(so, { ...app, checkAt, work: idle }));
  return only(withApp(so, { ...app, checkAt, work: idle, seal: null, since: now }));
}

function revoked(state: GatewayState, endpoint: string): Step {
  const revocations = new Map(state.revocations);
  const revoking = new Set(state.revoking);
  const known = revocations.get(endpoint);
  revocations.delete(endpoint);
  revoking.delete(endpoint);
  const effects: Effect[] = known === undefined ? [] : [{ type: 'forget seal', channel: known.channel, endpoint }];
  return { state: { ...state, revocations, revoking }, effects };
}

function revokeFailed(state: GatewayState, event: Of<'revoke failed'>): Step {
  const { endpoint, grant, failure } = event;
  const revoking = new Set(state.revoking);
  revoking.delete(endpoint);
  const free = { ...state, revoking };
  switch (failure.code) {
    case 'ERR_GATEWAY_GRANT':
      // A former gateway gives no other grant.
      return only(withoutGrant(free, grant));
    case 'ERR_GATEWAY_REFUSED':
      return revoked(succeeded(free, 'revoke'), endpoint);
    default:
      return only(failed(free, 'revoke', failure, event));
  }
}

const answers: ReadonlySet<GatewayEvent['type']> = new Set([
  'asked',
  'ask failed',
  'sealed',
  'seal failed',
  'checked',
  'check failed',
  'revoked',
  'revoke failed',
] satisfies GatewayEvent['type'][]);

/** With one request less under way if this is its answer. */
function answered(state: GatewayState, { type }: GatewayEvent): GatewayState {
  return answers.has(type) ? { ...state, underWay: state.underWay - 1 } : state;
}

function happened(state: GatewayState, event: GatewayEvent): Step {
  switch (event.type) {
    case 'registered':
      return registered(state, event);
    case 'replaced':
      return only(withoutApp(state, event.channel));
    case 'ended':
      return ended(state, event);
    case 'replace failed': {
      const app = state.apps.get(event.channel);
      const retryAt = event.now + state.times.diskMs;
      if (app?.work.stage !== 'replacing') return only(state);
      return only(withApp(state, { ...app, work: { stage: 'unreplaced', retryAt } }));
    }
    case 'prepared':
      return prepared(state, event);
    case 'prepare failed': {
      const grant = { ...state.lanes.grant, until: event.now + state.times.diskMs };
      return only({ ...state, request: { stage: 'none' }, lanes: { ...state.lanes, grant } });
    }
    case 'asked':
      return asked(state, event);
    case 'ask failed':
      return askFailed(state, event);
    case 'granted':
      return granted(state, event);
    case 'sealed':
      return sealed(state, event);
    case 'seal failed':
      return sealFailed(state, event);
    case 'written':
      return written(state, event);
    case 'write failed':
      return writeFailed(state, event);
    case 'checked':
      return checked(state, event);
    case 'check failed': {
      const app = state.apps.get(event.channel);
      const free = app?.work.stage === 'checking' ? withApp(state, { ...app, work: idle }) : state;
      return only(failed(free, 'check', event.failure, event));
    }
    case 'revoked':
      return revoked(succeeded(state, 'revoke'), event.endpoint);
    case 'revoke failed':
      return revokeFailed(state, event);
    case 'woken':
      return only(reopened(state, event.now));
    case 'time passed':
      return only(state);
  }
}

/**
 * Decides what is done with one gateway (docs/gateway.md, For distributors). Pure: no clock, no network, no disk. First what has
 * happened is taken in, then whatever can begin begins: see {@link begin}.
 *
 * An app is told of an endpoint only once its channel is pinned to the gateway's key and both are on disk.
 */
export function step(state: GatewayState, event: GatewayEvent): Step {
  const first = happened(answered(state, event), event);
  const then = begin(first.state, event.now);
  return { state: then.state, effects: [...first.effects, ...then.effects] };
}
