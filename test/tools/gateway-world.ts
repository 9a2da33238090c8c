import { expect } from 'vitest';
import type { Pin } from '../../src/distributor/delivery/index.js';
import { nextDue } from '../../src/distributor/gateway-client/due.js';
import { GatewayClientError, type GatewayClientErrorCode } from '../../src/distributor/gateway-client/errors.js';
import { readGrant } from '../../src/distributor/gateway-client/grant-payload.js';
import { recordOf, stateOf } from '../../src/distributor/gateway-client/record.js';
import {
  type Effect,
  type GatewayState,
  type Happening,
  initialGatewayState,
  type Seal,
} from '../../src/distributor/gateway-client/state.js';
import { step } from '../../src/distributor/gateway-client/step.js';
import { type GatewayTimes, gatewayTimes } from '../../src/distributor/gateway-client/times.js';

/** How a request ends: as the gateway wants, or not. */
export type Ending = 'well' | 'unreachable' | 'busy' | 'refused' | 'disk full';

/** A registration as it stands on disk. */
export interface WorldRegistration {
  vapid: string | null;
  pin: string | null;
  seal: Seal | null;
  isLive: boolean;
  /** What the app was told last. */
  told: string | undefined;
}

type Lane = 'ask' | 'seal' | 'check' | 'revoke';
type Request = Extract<Effect, { type: Lane }>;

const url = 'https://push.example.org';
const dayMs = 24 * 60 * 60_000;
const lifeMs = 90 * dayMs;
const isRequest = (effect: Effect): effect is Request => ['ask', 'seal', 'check', 'revoke'].includes(effect.type);

/**
 * A gateway, a disk and apps around `step`, with rules that hold whatever happens: an app is only told of an endpoint that is on
 * disk together with the pin of its channel; a gateway is asked so often only, and not at once again after it has said no.
 */
export class GatewayWorld {
  now: number = Date.UTC(2026, 0, 1);
  state: GatewayState;
  readonly registrations = new Map<string, WorldRegistration>();
  readonly pending: Effect[] = [];
  readonly mails: { channel: string; payload: Uint8Array; key: string }[] = [];
  /** Which secret and which key the gateway has. */
  secret = 1;
  key = 'a';
  readonly #seals = new Map<string, { made: string; expires: number; isRevoked: boolean }>();
  readonly #grants = new Map<string, { made: string; expires: number }>();
  readonly #requests: number[] = [];
  readonly #quietUntil = new Map<string, number>();
  #lastMailed = Number.NEGATIVE_INFINITY;
  #count = 0;
  readonly #times: GatewayTimes;

  constructor(times: Partial<GatewayTimes> = {}) {
    this.#times = { ...gatewayTimes, ...times };
    this.state = initialGatewayState({ url, address: 'alice@example.org', isFormer: false, times: this.#times });
    this.#happen({ type: 'time passed' });
  }

  get #made(): string {
    return `${this.secret}${this.key}`;
  }

  #name(what: string): string {
    this.#count += 1;
    return `${what}${this.#count}`;
  }

  #pin(key: string): Pin {
    return { fingerprint: key.repeat(40), address: 'push@app.example', keydata: new Uint8Array() };
  }

  #happen(happening: Happening): void {
    const { state, effects } = step(this.state, { ...happening, now: this.now, chance: 0.5 });
    this.state = state;
    for (const effect of effects) this.#begin(effect);
  }

  #begin(effect: Effect): void {
    if (effect.type === 'forget seal') return;
    if (effect.type === 'tell') {
      const known = this.registrations.get(effect.channel);
      if (known === undefined) return;
      expect(known.seal?.endpoint).toBe(effect.endpoint);
      expect(known.pin).not.toBeNull();
      expect(known.pin).toBe(this.state.pin?.fingerprint);
      known.told = effect.endpoint;
      return;
    }
    if (isRequest(effect)) this.#rules(effect);
    this.pending.push(effect);
  }

  #rules(request: Request): void {
    this.#requests.push(this.now);
    const lately = this.#requests.filter((at) => at > this.now - 60_000);
    // Preparing a grant takes a moment, in which the minute may have become full.
    expect(lately.length).toBeLessThanOrEqual(this.#times.perMinute + 1);
    expect(this.pending.filter(isRequest).length).toBeLessThanOrEqual(this.#times.atOnce);
    expect(this.now).toBeGreaterThanOrEqual(this.#quietUntil.get(request.type) ?? 0);
    if (request.type === 'ask') {
      expect(this.now - this.#lastMailed).toBeGreaterThanOrEqual(this.#times.repeatGrantMs);
    }
    if (request.type === 'seal') {
      const refused = `${request.channel} ${request.vapid}`;
      expect(this.now).toBeGreaterThanOrEqual(this.#quietUntil.get(refused) ?? 0);
      expect(this.state.grant?.token).toBe(request.grant);
    }
  }

  /** An app registers; it is known by a number. */
  register(vapid: string | null): void {
    const channel = this.#name('channel');
    this.registrations.set(channel, { vapid, pin: null, seal: null, isLive: true, told: undefined });
    this.#tellOf(channel);
  }

  #live(index: number): string | undefined {
    const live = [...this.registrations].filter(([, { isLive }]) => isLive).map(([channel]) => channel);
    return live.length === 0 ? undefined : live[index % live.length];
  }

  /** One of them names another VAPID key. */
  change(index: number, vapid: string | null): void {
    const channel = this.#live(index);
    const known = channel === undefined ? undefined : this.registrations.get(channel);
    if (channel === undefined || known === undefined) return;
    if (known.vapid !== vapid) this.#quietUntil.delete(`${channel} ${vapid}`);
    known.vapid = vapid;
    // Whoever registers again gets what there is at once.
    const seal = this.state.apps.get(channel)?.seal;
    if (seal != null && seal.vapid === vapid && seal.expires > this.now) known.told = seal.endpoint;
    this.#tellOf(channel);
  }

  /** One of them unregisters. */
  unregister(index: number): void {
    const channel = this.#live(index);
    const known = channel === undefined ? undefined : this.registrations.get(channel);
    if (channel === undefined || known === undefined) return;
    known.isLive = false;
    this.#tellOf(channel);
  }

  #tellOf(channel: string): void {
    const known = this.registrations.get(channel);
    if (known === undefined) return;
    const { vapid, pin: pinned, seal, isLive } = known;
    if (isLive) this.#happen({ type: 'registered', app: { channel, service: 'org.example.App', vapid, pinned, seal } });
    else this.#happen({ type: 'ended', channel, sealed: seal ?? undefined });
  }

  pass(ms: number): void {
    this.now += ms;
    this.#happen({ type: 'time passed' });
  }

  wake(): void {
    // The pauses that end with it are those of a network that was away.
    for (const lane of ['ask', 'seal', 'check', 'revoke']) this.#quietUntil.delete(lane);
    this.#happen({ type: 'woken' });
  }

  /** The daemon ends, and begins with what is on disk. */
  restart(): void {
    this.pending.length = 0;
    this.#quietUntil.clear();
    this.#requests.length = 0;
    this.state = stateOf(recordOf(this.state), { isFormer: false, times: this.#times });
    this.#happen({ type: 'time passed' });
    for (const channel of this.registrations.keys()) this.#tellOf(channel);
  }

  /** A grant mail arrives, or gets lost. */
  mail(index: number, arrives: boolean): void {
    const [mail] = this.mails.splice(index % Math.max(1, this.mails.length), 1);
    if (mail === undefined || !arrives) return;
    const grant = readGrant(mail.payload, mail.channel, this.state, this.now);
    if (!('problem' in grant)) this.#happen({ type: 'granted', ...grant, pin: this.#pin(mail.key) });
  }

  answer(index: number, ending: Ending): void {
    const [effect] = this.pending.splice(index % Math.max(1, this.pending.length), 1);
    if (effect === undefined) return;
    this.#happen(this.#outcome(effect, ending));
  }

  #failure(code: GatewayClientErrorCode, lane: string, retryAfterMs?: number): GatewayClientError {
    const isPassing = code === 'ERR_GATEWAY_UNREACHABLE' || code === 'ERR_GATEWAY_BUSY';
    const least = 0.75 * (isPassing ? this.#times.retryFirstMs : this.#times.refusedFirstMs);
    if (code !== 'ERR_GATEWAY_GRANT') this.#quietUntil.set(lane, this.now + Math.max(least, retryAfterMs ?? 0));
    return new GatewayClientError(code, 'It did not work.', { retryAfterMs });
  }

  #faultOf(ending: Ending, lane: string): GatewayClientError | undefined {
    if (ending === 'unreachable') return this.#failure('ERR_GATEWAY_UNREACHABLE', lane);
    if (ending === 'busy') return this.#failure('ERR_GATEWAY_BUSY', lane, 120_000);
    return undefined;
  }

  #isGranted(token: string): boolean {
    const grant = this.#grants.get(token);
    return grant !== undefined && grant.made === this.#made && grant.expires > this.now;
  }

  #outcome(effect: Effect, ending: Ending): Happening {
    switch (effect.type) {
      case 'prepare':
        return ending === 'disk full'
          ? { type: 'prepare failed' }
          : { type: 'prepared', channel: this.#name('control'), nonce: this.#name('nonce') };
      case 'ask': {
        const refused = ending === 'refused' ? this.#failure('ERR_GATEWAY_REFUSED', 'ask') : undefined;
        const failure = refused ?? this.#faultOf(ending, 'ask');
        if (failure === undefined || ending === 'unreachable') this.#sendGrant(effect);
        if (failure !== undefined) return { type: 'ask failed', failure };
        this.#lastMailed = this.now;
        return { type: 'asked' };
      }
      case 'seal':
        return this.#sealOutcome(effect, ending);
      case 'write': {
        const { channel, seal, pin } = effect;
        if (ending === 'disk full') return { type: 'write failed', channel };
        const known = this.registrations.get(channel);
        if (known?.isLive === true) Object.assign(known, { seal, pin: pin.fingerprint });
        return { type: 'written', channel, endpoint: seal.endpoint };
      }
      case 'check': {
        const { channel, endpoint } = effect;
        const failure = this.#faultOf(ending, 'check');
        if (failure !== undefined) return { type: 'check failed', channel, failure };
        return { type: 'checked', channel, endpoint, isGood: this.isGood(endpoint) };
      }
      case 'revoke': {
        const { endpoint, grant } = effect;
        const fault = this.#faultOf(ending, 'revoke');
        const failure = fault ?? (this.#isGranted(grant) ? undefined : this.#failure('ERR_GATEWAY_GRANT', 'revoke'));
        if (failure !== undefined) return { type: 'revoke failed', endpoint, grant, failure };
        const seal = this.#seals.get(endpoint);
        if (seal !== undefined) seal.isRevoked = true;
        return { type: 'revoked', endpoint };
      }
      case 'replace': {
        const { channel } = effect;
        if (ending === 'disk full') return { type: 'replace failed', channel };
        const known = this.registrations.get(channel);
        if (known?.isLive === true) {
          this.registrations.delete(channel);
          this.register(known.vapid);
        }
        return { type: 'replaced', channel };
      }
      case 'tell':
      case 'forget seal':
        throw new Error('These are done at once.');
    }
  }

  #sendGrant({ channel, nonce }: Extract<Effect, { type: 'ask' }>): void {
    const expires = this.now + lifeMs;
    const grant = this.#name('grant');
    this.#grants.set(grant, { made: this.#made, expires });
    const payload = { version: 1, gateway: url, nonce, grant, expires: Math.ceil(expires / 1000) };
    this.mails.push({ channel, key: this.key, payload: Buffer.from(JSON.stringify(payload)) });
  }

  #sealOutcome({ channel, vapid, grant }: Extract<Effect, { type: 'seal' }>, ending: Ending): Happening {
    const fault = this.#faultOf(ending, 'seal');
    if (fault !== undefined) return { type: 'seal failed', channel, grant, failure: fault };
    if (!this.#isGranted(grant)) {
      return { type: 'seal failed', channel, grant, failure: this.#failure('ERR_GATEWAY_GRANT', 'seal') };
    }
    if (ending === 'refused') {
      this.#quietUntil.set(`${channel} ${vapid}`, this.now + this.#times.unsealableMs);
      const failure = new GatewayClientError('ERR_GATEWAY_REFUSED', 'It cannot be sealed.', { status: 422 });
      return { type: 'seal failed', channel, grant, failure };
    }
    const endpoint = `${url}/p/${this.#name('seal')}`;
    const expires = this.now + lifeMs;
    this.#seals.set(endpoint, { made: this.#made, expires, isRevoked: false });
    return { type: 'sealed', channel, sealed: { endpoint, expires, vapid, sender: this.key.repeat(40) } };
  }

  /** Whether the gateway would push to it. */
  isGood(endpoint: string | undefined): boolean {
    const seal = this.#seals.get(endpoint ?? '');
    return seal !== undefined && seal.made === this.#made && seal.expires > this.now && !seal.isRevoked;
  }

  /** Everything works from now on, for so long. */
  settle(ms: number): void {
    const end = this.now + ms;
    for (let turns = 0; this.now < end; turns += 1) {
      expect(turns).toBeLessThan(5000);
      while (this.pending.length + this.mails.length > 0) {
        while (this.pending.length > 0) this.answer(0, 'well');
        while (this.mails.length > 0) this.mail(0, true);
      }
      const due = nextDue(this.state, this.now) ?? end;
      expect(due).toBeGreaterThan(this.now);
      this.pass(Math.min(due, end) - this.now);
    }
  }
}
