import { nextAskAt, usableGrant } from './grant-request.js';
import { began, roomAt } from './lanes.js';
import { maySeal, sealSpent } from './seal-allowance.js';
import type { App, Effect, GatewayState, Revocation } from './state.js';

/** A state, and what is to be done now that it is so. */
export interface Step {
  readonly state: GatewayState;
  readonly effects: readonly Effect[];
}

/** The same with another state of one app. */
export function withApp(state: GatewayState, app: App): GatewayState {
  return { ...state, apps: new Map(state.apps).set(app.channel, app) };
}

/** Whether the app has no endpoint that could stay as it is. */
export function needsSeal({ seal, vapid, pinned }: App, now: number): boolean {
  // Without a pin no push of the gateway would be known: it is written together with a seal.
  return seal === null || pinned === null || seal.vapid !== vapid || seal.renewAt <= now;
}

/** Whether another key than the gateway's may push on the channel. */
export function isForeign({ pinned }: App, { pin }: Pick<GatewayState, 'pin'>): boolean {
  return pin !== undefined && pinned !== null && pinned !== pin.fingerprint;
}

/** What needs no request to the gateway. */
function beginLocal(state: GatewayState, now: number): Step | undefined {
  const askAt = nextAskAt(state, now);
  if (askAt !== undefined && askAt <= now) {
    const { request } = state;
    if (request.stage !== 'failed') {
      return { state: { ...state, request: { stage: 'preparing' } }, effects: [{ type: 'prepare' }] };
    }
    // The mail may be under way for all that: a crash or a broken line hides the gateway's answer.
    const { channel, nonce } = request;
    const again: GatewayState = { ...state, request: { ...request, stage: 'sending' }, isAsking: true };
    return { state: began(again, now), effects: [{ type: 'ask', channel, nonce }] };
  }
  for (const app of state.apps.values()) {
    const { channel, work } = app;
    const isFree = ['idle', 'refused'].includes(work.stage) || (work.stage === 'unreplaced' && work.retryAt <= now);
    if (isFree && isForeign(app, state)) {
      return {
        state: withApp(state, { ...app, work: { stage: 'replacing' } }),
        effects: [{ type: 'replace', channel }],
      };
    }
    if (work.stage === 'unwritten' && work.retryAt <= now) {
      const { seal, pin } = work;
      return {
        state: withApp(state, { ...app, work: { stage: 'writing', seal, pin } }),
        effects: [{ type: 'write', channel, seal, pin }],
      };
    }
  }
  return undefined;
}

function beginSeal(state: GatewayState, grant: string, now: number): Step | undefined {
  if (state.lanes.seal.until > now) return undefined;
  for (const app of state.apps.values()) {
    const { channel, vapid, work } = app;
    const isFree = work.stage === 'idle' || (work.stage === 'refused' && work.retryAt <= now);
    if (!isFree || !needsSeal(app, now) || isForeign(app, state) || !maySeal(state, app, now)) continue;
    return {
      state: sealSpent(withApp(state, { ...app, work: { stage: 'sealing', vapid } }), app, now),
      effects: [{ type: 'seal', channel, vapid, grant }],
    };
  }
  return undefined;
}

function beginRevoke(state: GatewayState, grant: string, now: number): Step | undefined {
  if (state.lanes.revoke.until > now) return undefined;
  const next = [...state.revocations.values()].find(({ endpoint }) => !state.revoking.has(endpoint));
  if (next === undefined) return undefined;
  const { endpoint } = next;
  return {
    state: { ...state, revoking: new Set(state.revoking).add(endpoint) },
    effects: [{ type: 'revoke', endpoint, grant }],
  };
}

function beginCheck(state: GatewayState, now: number): Step | undefined {
  if (state.lanes.check.until > now) return undefined;
  for (const app of state.apps.values()) {
    if (app.work.stage !== 'idle' || app.seal === null || app.checkAt > now) continue;
    const { endpoint } = app.seal;
    return {
      state: withApp(state, { ...app, work: { stage: 'checking' } }),
      effects: [{ type: 'check', channel: app.channel, endpoint }],
    };
  }
  return undefined;
}

function beginRequest(state: GatewayState, now: number): Step | undefined {
  if (state.underWay >= state.times.atOnce || roomAt(state) > now) return undefined;
  const grant = usableGrant(state, now);
  const next =
    (grant === undefined ? undefined : (beginSeal(state, grant, now) ?? beginRevoke(state, grant, now))) ??
    beginCheck(state, now);
  return next && { ...next, state: began(next.state, now) };
}

/** Forgets revocations that are of no use any more, or cannot be asked for any more. */
function withoutOld(state: GatewayState, now: number): GatewayState {
  const isLost = state.isFormer && usableGrant(state, now) === undefined;
  const isKept = ({ expires }: Revocation): boolean => expires > now && !isLost;
  if ([...state.revocations.values()].every(isKept)) return state;
  return { ...state, revocations: new Map([...state.revocations].filter(([, one]) => isKept(one))) };
}

/** Begins whatever can begin now, within the bounds of `times`. */
export function begin(before: GatewayState, now: number): Step {
  let state = withoutOld(before, now);
  const effects: Effect[] = [];
  for (;;) {
    const next = beginLocal(state, now) ?? beginRequest(state, now);
    if (next === undefined) return { state, effects };
    state = next.state;
    effects.push(...next.effects);
  }
}
