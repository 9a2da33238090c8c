/** The one way to the message bus: dbus-next's wire format behind a connection and a dispatch of our own. */
export type { Bus, BusCall, BusInterface, BusMethod, MethodCall, NameOwnerChange, SignalPattern } from './bus.js';
export { type ConnectBusOptions, connectBus } from './connect.js';
export { BusCallError, BusError, type BusErrorOptions, errorNames } from './errors.js';
export { isBusName, isUniqueName } from './names.js';
export * from './unified-push.js';
export { type Variant, type VariantDict, variantValue } from './variant.js';
