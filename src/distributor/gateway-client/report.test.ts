import { describe, expect, it } from 'vitest';
import { GatewayClientError } from './errors.js';
import { endpointNote, reportOf } from './report.js';
import { type GatewayState, type Happening, initialGatewayState } from './state.js';
import { step } from './step.js';
import { gatewayTimes } from './times.js';

const start = Date.UTC(2026, 0, 1, 12);
const minuteMs = 60_000;
const lifeMs = 90 * 24 * 60 * minuteMs;
const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array() };
const url = 'https://push.example.org';
const app = { channel: 'c', service: 'org.example.App', vapid: null, pinned: null, seal: null };

/** The state after all of that, each at its minute. */
function having(...happenings: readonly (readonly [minute: number, happening: Happening])[]): GatewayState {
  const first = initialGatewayState({ url, address: 'alice@example.org', isFormer: false, times: gatewayTimes });
  return happenings.reduce(
    (state, [minute, happening]) => step(state, { ...happening, now: start + minute * minuteMs, chance: 0.5 }).state,
    first,
  );
}

const registered = [0, { type: 'registered', app }] as const;
const prepared = [0, { type: 'prepared', channel: 'control', nonce: 'n' }] as const;
const asked = [0, { type: 'asked' }] as const;
const granted = [0, { type: 'granted', token: 'g', expires: start + lifeMs, pin }] as const;
const sealed = [
  0,
  {
    type: 'sealed',
    channel: 'c',
    sealed: { endpoint: `${url}/p/x`, expires: start + lifeMs, vapid: null, sender: pin.fingerprint },
  },
] as const;
const written = [0, { type: 'written', channel: 'c', endpoint: `${url}/p/x` }] as const;
const unreachable = new GatewayClientError('ERR_GATEWAY_UNREACHABLE', 'The gateway cannot be reached: wait.');
const unsealable = new GatewayClientError('ERR_GATEWAY_REFUSED', 'It cannot be sealed: use another.', { status: 422 });
const at = (minute: number): number => start + minute * minuteMs;

describe('a gateway', () => {
  it('is being asked at first, and its app is told to wait', () => {
    const state = having(registered);
    expect(reportOf(state, at(0))).toMatchObject({ state: 'asking', sealed: 0, unsealed: 1, sentence: undefined });
    expect(endpointNote(state, 'c', at(0))).toMatch(/is being asked for it: wait a moment\.$/);
  });

  it('has its mail waited for, and after some minutes looked for', () => {
    const state = having(registered, prepared, asked);
    expect(reportOf(state, at(1))).toMatchObject({ state: 'waiting', since: start, sentence: undefined });
    expect(endpointNote(state, 'c', at(1))).toMatch(/has sent a mail at 2026-01-01 12:00 UTC, which is waited for\.$/);
    expect(reportOf(state, at(5))).toMatchObject({ state: 'failing', since: start });
    const sentence =
      'The gateway push.example.org has sent a mail at 2026-01-01 12:00 UTC that has not come: look into the spam folder and the filter rules of the mailbox; another one is asked for by itself.';
    expect(reportOf(state, at(5)).sentence).toBe(sentence);
    expect(endpointNote(state, 'c', at(5))).toBe(
      `It has no endpoint yet, so that its app server cannot push. ${sentence}`,
    );
  });

  it('is ready with a grant, and its apps have nothing to say', () => {
    const state = having(registered, prepared, asked, granted, sealed, written);
    expect(reportOf(state, at(1))).toEqual({
      url,
      state: 'ready',
      since: undefined,
      grantExpires: start + lifeMs,
      sealed: 1,
      unsealed: 0,
      sentence: undefined,
    });
    expect(endpointNote(state, 'c', at(1))).toBeUndefined();
  });

  it('that cannot be reached is told of at once while an app waits for it', () => {
    const state = having(registered, prepared, [0, { type: 'ask failed', failure: unreachable }]);
    expect(reportOf(state, at(0))).toMatchObject({ state: 'failing', sentence: unreachable.message });
  });

  it('that cannot be reached is told of after an hour while all apps have what they need', () => {
    const failed = { type: 'check failed', channel: 'c', failure: unreachable } as const;
    const state = having(registered, prepared, asked, granted, sealed, written, [2 * 24 * 60, failed]);
    expect(reportOf(state, at(2 * 24 * 60 + 59))).toMatchObject({ state: 'ready', sentence: undefined });
    expect(reportOf(state, at(2 * 24 * 60 + 60))).toMatchObject({ state: 'failing', sentence: unreachable.message });
  });

  it('that will not seal an endpoint is told of, and of its app', () => {
    const failed = { type: 'seal failed', channel: 'c', grant: 'g', failure: unsealable } as const;
    const state = having(registered, prepared, asked, granted, [0, failed]);
    expect(reportOf(state, at(0))).toMatchObject({ state: 'failing', sentence: unsealable.message });
    expect(endpointNote(state, 'c', at(0))).toContain(unsealable.message);
  });
});
