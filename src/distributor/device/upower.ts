import { type VariantDict, variantValue } from '../../dbus/index.js';
import type { Power } from './device-state.js';
import type { PropertiesTarget } from './follow-properties.js';

const service = 'org.freedesktop.UPower';

/**
 * UPower itself. The bus starts it for whoever asks, which all its clients rely on: on a desktop that has not asked yet, a
 * laptop would otherwise look as if nothing were known.
 */
export const powerTarget: PropertiesTarget = {
  service,
  path: '/org/freedesktop/UPower',
  interface: 'org.freedesktop.UPower',
  mayStart: true,
};

/** UPower's sum of all batteries. */
export const batteryTarget: PropertiesTarget = {
  service,
  path: '/org/freedesktop/UPower/devices/DisplayDevice',
  interface: 'org.freedesktop.UPower.Device',
  mayStart: false,
};

/** `WarningLevel` of UPower: 0 unknown, 1 none, 2 discharging (a UPS), 3 low, 4 critical, 5 action. */
const lowWarning = 3;
/** `PercentageLow` of UPower's own configuration; asked only when it gives no warning level. */
const lowPercentage = 20;

/**
 * Reads what UPower tells; undefined is what it did not. Low only while the battery is what runs the device, as UPower
 * itself acts: a weak charger does not make a battery low. A value of another type is the same as none.
 */
export function readPower(power: VariantDict | undefined, battery: VariantDict | undefined): Power {
  const isOnBattery = variantValue(power ?? {}, 'OnBattery', 'b');
  if (isOnBattery === undefined) return 'unknown';
  if (!isOnBattery) return 'plugged in';
  return isLow(battery ?? {}) ? 'battery low' : 'on battery';
}

function isLow(battery: VariantDict): boolean {
  const level = variantValue(battery, 'WarningLevel', 'u');
  if (level !== undefined && level > 0) return level >= lowWarning;
  const percentage = variantValue(battery, 'Percentage', 'd');
  const isPresent = variantValue(battery, 'IsPresent', 'b') === true;
  return isPresent && percentage !== undefined && percentage < lowPercentage;
}
