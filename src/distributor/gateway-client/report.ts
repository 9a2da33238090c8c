import { usableGrant } from './grant-request.js';
import { maySeal } from './seal-allowance.js';
import type { App, GatewayState, Lane } from './state.js';

/** How one gateway is, for `mailpush status`; times are in ms since 1970. */
export interface GatewayReport {
  readonly url: string;
  /**
   * - `ready`: it seals endpoints at once.
   * - `asking`: it is being asked for a grant.
   * - `waiting`: it has sent a mail with the grant, which has not come yet.
   * - `failing`: something is wrong, see `sentence`.
   */
  readonly state: 'ready' | 'asking' | 'waiting' | 'failing';
  /** Since when it has been waiting or failing. */
  readonly since: number | undefined;
  readonly grantExpires: number | undefined;
  /** How many apps have an endpoint of it that works, as far as is known. */
  readonly sealed: number;
  readonly unsealed: number;
  /** What is wrong and what to do; undefined: nothing. */
  readonly sentence: string | undefined;
}

/** Mail takes seconds as a rule; greylisting takes minutes. */
const mailMs = 5 * 60_000;
const minute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const hostOf = ({ url }: Pick<GatewayState, 'url'>): string => new URL(url).host;

const hasEndpoint = ({ seal, vapid }: App, now: number): boolean =>
  seal !== null && seal.expires > now && seal.vapid === vapid;

interface Trouble {
  readonly since: number;
  readonly sentence: string;
}

function waitingSentence(state: GatewayState, since: number): string {
  return `The gateway ${hostOf(state)} has sent a mail at ${minute(since)} that has not come: look into the spam folder and the filter rules of the mailbox; another one is asked for by itself.`;
}

function troubleOf(state: GatewayState, now: number): Trouble | undefined {
  const { request, lanes, times } = state;
  const apps = [...state.apps.values()];
  const isMissed = apps.some((app) => !hasEndpoint(app, now));
  const isStuck = isMissed || usableGrant(state, now) === undefined;
  if (request.stage === 'waiting' && isStuck && now - request.since >= mailMs) {
    return { since: request.since, sentence: waitingSentence(state, request.since) };
  }
  for (const lane of ['grant', 'seal', 'check'] satisfies Lane[]) {
    const { failure, since } = lanes[lane];
    const isUrgent = lane === 'check' ? false : lane === 'grant' ? isStuck : isMissed;
    if (failure !== undefined && (isUrgent || now - since >= times.patienceMs))
      return { since, sentence: failure.message };
  }
  const refused = apps.find(({ work }) => work.stage === 'refused');
  if (refused?.work.stage === 'refused') return { since: refused.since, sentence: refused.work.failure.message };
  return undefined;
}

/** Says how a gateway is. */
export function reportOf(state: GatewayState, now: number): GatewayReport {
  const { url, apps, grant, request } = state;
  const sealed = [...apps.values()].filter((app) => hasEndpoint(app, now)).length;
  const trouble = troubleOf(state, now);
  const isGranted = usableGrant(state, now) !== undefined;
  const known = { url, grantExpires: grant?.expires, sealed, unsealed: apps.size - sealed };
  if (trouble !== undefined) return { ...known, state: 'failing', ...trouble };
  if (isGranted) return { ...known, state: 'ready', since: undefined, sentence: undefined };
  if (request.stage === 'waiting') return { ...known, state: 'waiting', since: request.since, sentence: undefined };
  return { ...known, state: 'asking', since: undefined, sentence: undefined };
}

/** What stands between an app and its endpoint, in one sentence with what to do; undefined: nothing does. */
export function endpointNote(state: GatewayState, channel: string, now: number): string | undefined {
  const app = state.apps.get(channel);
  if (app === undefined || hasEndpoint(app, now)) return undefined;
  const none = 'It has no endpoint yet, so that its app server cannot push.';
  if (app.work.stage === 'refused') return `${none} ${app.work.failure.message}`;
  const trouble = troubleOf(state, now);
  if (trouble !== undefined) return `${none} ${trouble.sentence}`;
  if (usableGrant(state, now) !== undefined && !maySeal(state, app, now)) {
    return `${none} It has asked for so many that they come slowly: look at why it registers again and again.`;
  }
  const { request } = state;
  const isMailed = usableGrant(state, now) === undefined && request.stage === 'waiting';
  return isMailed
    ? `${none} The gateway ${hostOf(state)} has sent a mail at ${minute(request.since)}, which is waited for.`
    : `${none} The gateway ${hostOf(state)} is being asked for it: wait a moment.`;
}
