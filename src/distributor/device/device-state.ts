import type { Urgency } from '../../notify-spec/index.js';

/** Where the device's power comes from; `plugged in` also without a battery. */
export type Power = 'plugged in' | 'on battery' | 'battery low' | 'unknown';

/** Whether what goes over the network costs the user. */
export type Network = 'unmetered' | 'metered' | 'unknown';

/** The device, as far as it is known. */
export interface DeviceState {
  readonly power: Power;
  readonly network: Network;
}

/** Nothing is known: no system bus, or nobody on it to ask. */
export const unknownDevice: DeviceState = { power: 'unknown', network: 'unknown' };

/**
 * The least urgent push that the device is disturbed for now (RFC 8030 §5.3, UnifiedPush):
 *
 * | | unmetered | metered |
 * |---|---|---|
 * | plugged in | very-low | low |
 * | on battery | low | normal |
 * | battery low | high | high |
 *
 * What is not known counts as plugged in and unmetered, so that nothing is held without a reason.
 */
export function minimumUrgency({ power, network }: DeviceState): Urgency {
  if (power === 'battery low') return 'high';
  const isMetered = network === 'metered';
  if (power === 'on battery') return isMetered ? 'normal' : 'low';
  return isMetered ? 'low' : 'very-low';
}

/** What is held now, and why, for people. */
export interface DeviceReport extends DeviceState {
  readonly minimumUrgency: Urgency;
  /** One sentence. */
  readonly why: string;
}

const powerWords: Readonly<Record<Power, string>> = {
  'plugged in': 'The device is plugged in',
  'on battery': 'The device runs on battery',
  'battery low': 'The battery is low',
  unknown: 'The power supply is not known',
};

const networkWords: Readonly<Record<Network, string>> = {
  unmetered: 'the network is unmetered',
  metered: 'the network is metered',
  unknown: 'whether the network is metered is not known',
};

/** Says what is held in this state, and why. */
export function describeDevice(state: DeviceState): DeviceReport {
  const minimum = minimumUrgency(state);
  const held = minimum === 'very-low' ? 'no push is held' : `pushes below the urgency ${minimum} are held`;
  const why = `${powerWords[state.power]} and ${networkWords[state.network]}: ${held}.`;
  return { ...state, minimumUrgency: minimum, why };
}
