export { createDevice, type Device, type DeviceOptions, type WakeReason } from './device.js';
export { type DeviceReport, type DeviceState, minimumUrgency } from './device-state.js';
