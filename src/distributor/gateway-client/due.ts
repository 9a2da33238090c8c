import { isForeign, needsSeal } from './begin.js';
import { nextAskAt, usableGrant } from './grant-request.js';
import { roomAt } from './lanes.js';
import { maySealAt } from './seal-allowance.js';
import type { App, GatewayState } from './state.js';

function appDue(state: GatewayState, app: App, now: number): number[] {
  const { lanes } = state;
  switch (app.work.stage) {
    case 'unwritten':
    case 'unreplaced':
      return [app.work.retryAt];
    case 'refused':
      return [Math.max(app.work.retryAt, lanes.seal.until, roomAt(state), maySealAt(state, app, now))];
    case 'idle': {
      const room = roomAt(state);
      if (isForeign(app, state)) return [];
      const check = app.seal === null ? [] : [Math.max(app.checkAt, lanes.check.until, room)];
      if (usableGrant(state, now) === undefined) return check;
      const sealAt = needsSeal(app, now) || app.seal === null ? now : app.seal.renewAt;
      return [...check, Math.max(sealAt, lanes.seal.until, room, maySealAt(state, app, now))];
    }
    case 'sealing':
    case 'writing':
    case 'checking':
    case 'replacing':
      return [];
  }
}

/** When something is to be begun that waits for nothing but time; undefined: only an event brings it on. */
export function nextDue(state: GatewayState, now: number): number | undefined {
  const { grant, revocations, revoking, lanes } = state;
  const ask = nextAskAt(state, now);
  const canRevoke = revocations.size > revoking.size && usableGrant(state, now) !== undefined;
  const times = [
    ...(ask === undefined ? [] : [ask]),
    ...(grant === undefined ? [] : [grant.expires]),
    ...(canRevoke ? [Math.max(lanes.revoke.until, roomAt(state))] : []),
    ...[...state.apps.values()].flatMap((app) => appDue(state, app, now)),
  ].filter((at) => at > now);
  return times.length === 0 ? undefined : Math.min(...times);
}
