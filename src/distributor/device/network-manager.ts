import { type VariantDict, variantValue } from '../../dbus/index.js';
import type { Network } from './device-state.js';
import type { PropertiesTarget } from './follow-properties.js';

/** NetworkManager. It is not started: that would change the network of a machine that has another way. */
export const networkTarget: PropertiesTarget = {
  service: 'org.freedesktop.NetworkManager',
  path: '/org/freedesktop/NetworkManager',
  interface: 'org.freedesktop.NetworkManager',
  mayStart: false,
};

/** `NMMetered`: 0 unknown, 1 yes, 2 no, 3 guessed yes, 4 guessed no. */
const metered: readonly number[] = [1, 3];
const unmetered: readonly number[] = [2, 4];

/** Reads whether the network is metered; guesses count. */
export function readNetwork(properties: VariantDict | undefined): Network {
  const value = variantValue(properties ?? {}, 'Metered', 'u') ?? 0;
  if (metered.includes(value)) return 'metered';
  return unmetered.includes(value) ? 'unmetered' : 'unknown';
}

/** How the device is connected. */
export interface Connectivity {
  /** Something beyond this machine can be reached. */
  readonly isOnline: boolean;
  /** NetworkManager has reached the internet, and not only a login page. */
  readonly isFull: boolean;
  /** Object path of the connection that has the default route; undefined when there is none. */
  readonly primary: string | undefined;
}

/** `NM_STATE_CONNECTED_SITE`: there is a default route; the mail server may be nearer than the internet. */
const connectedSite = 60;
/** `NM_CONNECTIVITY_FULL`. */
const fullConnectivity = 4;

/** Reads how the device is connected; undefined when that is not told. */
export function readConnectivity(properties: VariantDict | undefined): Connectivity | undefined {
  const state = variantValue(properties ?? {}, 'State', 'u');
  if (properties === undefined || state === undefined) return undefined;
  const primary = variantValue(properties, 'PrimaryConnection', 'o');
  return {
    isOnline: state >= connectedSite,
    isFull: variantValue(properties, 'Connectivity', 'u') === fullConnectivity,
    primary: primary === '/' ? undefined : primary,
  };
}

/**
 * Whether it is worth trying the mail server now: the network is back, the internet behind it is, or it goes another way,
 * over which the connections made before are dead.
 */
export function hasReturned(before: Connectivity, after: Connectivity): boolean {
  if (!after.isOnline) return false;
  const isOtherWay = after.primary !== undefined && after.primary !== before.primary;
  return !before.isOnline || (after.isFull && !before.isFull) || isOtherWay;
}
