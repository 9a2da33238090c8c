import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Variant, VariantDict } from '../../dbus/index.js';
import { hasReturned, readConnectivity, readNetwork } from './network-manager.js';
import { readPower } from './upower.js';

const b = (value: boolean): Variant => ({ signature: 'b', value });
const u = (value: number): Variant => ({ signature: 'u', value });
const d = (value: number): Variant => ({ signature: 'd', value });
const o = (value: string): Variant => ({ signature: 'o', value });

describe('UPower', () => {
  const onBattery = { OnBattery: b(true) };
  const cases: readonly [string, VariantDict | undefined, VariantDict | undefined, string][] = [
    ['is not there', undefined, undefined, 'unknown'],
    ['tells nothing', {}, {}, 'unknown'],
    ['tells it as a text', { OnBattery: { signature: 's', value: 'true' } }, undefined, 'unknown'],
    ['knows no battery at all', { OnBattery: b(false) }, { IsPresent: b(false), WarningLevel: u(1) }, 'plugged in'],
    ['charges a battery that is low', { OnBattery: b(false) }, { WarningLevel: u(4) }, 'plugged in'],
    ['warns of nothing', onBattery, { WarningLevel: u(1), Percentage: d(3), IsPresent: b(true) }, 'on battery'],
    ['knows a UPS that discharges', onBattery, { WarningLevel: u(2) }, 'on battery'],
    ['says low', onBattery, { WarningLevel: u(3), Percentage: d(90) }, 'battery low'],
    ['says critical', onBattery, { WarningLevel: u(4) }, 'battery low'],
    ['is about to act', onBattery, { WarningLevel: u(5) }, 'battery low'],
    ['knows no level but the charge', onBattery, { Percentage: d(19), IsPresent: b(true) }, 'battery low'],
    [
      'does not know the level, but the charge',
      onBattery,
      { WarningLevel: u(0), Percentage: d(20), IsPresent: b(true) },
      'on battery',
    ],
    ['has no battery for the charge', onBattery, { Percentage: d(0), IsPresent: b(false) }, 'on battery'],
    ['does not tell of the battery', onBattery, undefined, 'on battery'],
  ];
  it.each(cases)('that %s is read', (_, power, battery, expected) => {
    expect(readPower(power, battery)).toBe(expected);
  });
});

describe('NetworkManager', () => {
  it.each([
    [0, 'unknown'],
    [1, 'metered'],
    [2, 'unmetered'],
    [3, 'metered'],
    [4, 'unmetered'],
    [99, 'unknown'],
  ])('that says metered %i is read', (value, expected) => {
    expect(readNetwork({ Metered: u(value) })).toBe(expected);
  });

  it('that says nothing, or something else, leaves it unknown', () => {
    expect([readNetwork(undefined), readNetwork({}), readNetwork({ Metered: b(true) })]).toEqual(
      Array(3).fill('unknown'),
    );
    expect([readConnectivity(undefined), readConnectivity({}), readConnectivity({ State: d(70) })]).toEqual(
      Array(3).fill(undefined),
    );
  });

  const site = { State: u(60), Connectivity: u(3), PrimaryConnection: o('/1') };
  const full = { State: u(70), Connectivity: u(4), PrimaryConnection: o('/1') };
  const none = { State: u(20), Connectivity: u(1), PrimaryConnection: o('/') };
  const cases: readonly [string, VariantDict, VariantDict, boolean][] = [
    ['stays as it is', full, full, false],
    ['comes back', none, full, true],
    ['comes back without the internet', none, site, true],
    ['gets the internet behind it', site, full, true],
    ['loses the internet', full, site, false],
    ['goes', full, none, false],
    ['goes another way', full, { ...full, PrimaryConnection: o('/2') }, true],
    ['goes another way while it is down', none, { ...none, PrimaryConnection: o('/2') }, false],
    ['is only local', none, { ...none, State: u(50) }, false],
  ];
  it.each(cases)('whose network %s', (_, before, after, expected) => {
    const [first, second] = [readConnectivity(before), readConnectivity(after)];
    expect(first !== undefined && second !== undefined && hasReturned(first, second)).toBe(expected);
  });
});

it('reads anything without failing', () => {
  const variant = fc.record({ signature: fc.constantFrom('b', 'u', 'd', 'o', 's', 'v'), value: fc.anything() });
  const keys = fc.constantFrom(
    'OnBattery',
    'WarningLevel',
    'Percentage',
    'IsPresent',
    'Metered',
    'State',
    'Connectivity',
  );
  const dict = fc.dictionary(keys, variant);
  fc.assert(
    fc.property(dict, dict, (one, other) => {
      expect(['plugged in', 'on battery', 'battery low', 'unknown']).toContain(readPower(one, other));
      expect(['metered', 'unmetered', 'unknown']).toContain(readNetwork(one));
      const connectivity = readConnectivity(one);
      if (connectivity !== undefined) hasReturned(connectivity, connectivity);
    }),
  );
});
