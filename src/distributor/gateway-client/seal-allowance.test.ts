import { expect, it } from 'vitest';
import { nextDue } from './due.js';
import { endpointNote } from './report.js';
import { type Happening, initialGatewayState } from './state.js';
import { step } from './step.js';
import { gatewayTimes } from './times.js';

const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array() };
const hourMs = 60 * 60_000;

/** A gateway that has granted and seals at once; gives for whom it has sealed. */
function createGateway() {
  let now = Date.UTC(2026, 0, 1);
  const times = { ...gatewayTimes, perMinute: 1000 };
  let state = initialGatewayState({
    url: 'https://push.example.org',
    address: 'a@example.org',
    isFormer: false,
    times,
  });
  const sealed: string[] = [];

  function happen(happening: Happening): void {
    const next = step(state, { ...happening, now, chance: 0.5 });
    state = next.state;
    for (const effect of next.effects) {
      if (effect.type === 'revoke') happen({ type: 'revoked', endpoint: effect.endpoint });
      if (effect.type === 'check') happen({ ...effect, type: 'checked', isGood: true });
      if (effect.type !== 'seal') continue;
      sealed.push(effect.channel);
      const got = { endpoint: effect.channel, expires: now + 90 * 24 * hourMs, vapid: null, sender: pin.fingerprint };
      happen({ type: 'sealed', channel: effect.channel, sealed: got });
      happen({ type: 'written', channel: effect.channel, endpoint: effect.channel });
    }
  }

  happen({ type: 'granted', token: 'granted', expires: now + 90 * 24 * hourMs, pin });
  return {
    sealed,
    register: (service: string, channel: string) =>
      happen({ type: 'registered', app: { channel, service, vapid: null, pinned: null, seal: null } }),
    unregister: (channel: string) => happen({ type: 'ended', channel, sealed: undefined }),
    note: (channel: string) => endpointNote(state, channel, now),
    /** Lets time pass until something is due; gives for how long. */
    passToDue: () => {
      const due = nextDue(state, now) ?? now;
      const ms = due - now;
      now = due;
      happen({ type: 'time passed' });
      return ms;
    },
  };
}

it('an app that registers and unregisters without end leaves the others what a gateway seals in a day', () => {
  const gateway = createGateway();
  const { atOnce, perHour } = gatewayTimes.sealsOfApp;
  for (let index = 0; index < atOnce + 50; index += 1) {
    gateway.register('org.example.Wild', `wild ${index}`);
    gateway.unregister(`wild ${index}`);
  }
  gateway.register('org.example.Wild', 'last');
  expect(gateway.sealed).toHaveLength(atOnce);
  expect(gateway.note('last')).toMatch(/It has asked for so many that they come slowly/);
  gateway.register('org.example.Other', 'other');
  expect(gateway.sealed.at(-1)).toBe('other');
  let passed = 0;
  while (gateway.sealed.at(-1) !== 'last') passed += gateway.passToDue();
  expect(passed).toBeGreaterThan(0);
  expect(passed).toBeLessThanOrEqual(hourMs / perHour);
  expect(gateway.note('last')).toBeUndefined();
  expect(atOnce + 24 * perHour).toBeLessThan(1000 / 3);
});
