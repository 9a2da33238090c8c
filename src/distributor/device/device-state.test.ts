import { expect, it } from 'vitest';
import { describeDevice, minimumUrgency, type Network, type Power } from './device-state.js';

it.each([
  ['plugged in', 'unmetered', 'very-low'],
  ['plugged in', 'metered', 'low'],
  ['on battery', 'unmetered', 'low'],
  ['on battery', 'metered', 'normal'],
  ['battery low', 'unmetered', 'high'],
  ['battery low', 'metered', 'high'],
  ['unknown', 'unknown', 'very-low'],
  ['unknown', 'unmetered', 'very-low'],
  ['unknown', 'metered', 'low'],
  ['plugged in', 'unknown', 'very-low'],
  ['on battery', 'unknown', 'low'],
  ['battery low', 'unknown', 'high'],
] as const)('%s and %s takes pushes from urgency %s on', (power: Power, network: Network, urgency) => {
  expect(minimumUrgency({ power, network })).toBe(urgency);
});

it('says why', () => {
  expect(describeDevice({ power: 'on battery', network: 'metered' })).toEqual({
    power: 'on battery',
    network: 'metered',
    minimumUrgency: 'normal',
    why: 'The device runs on battery and the network is metered: pushes below the urgency normal are held.',
  });
  expect(describeDevice({ power: 'unknown', network: 'unknown' }).why).toBe(
    'The power supply is not known and whether the network is metered is not known: no push is held.',
  );
});
