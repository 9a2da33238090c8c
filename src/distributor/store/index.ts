export { StoreError, type StoreErrorCode } from './errors.js';
export type { GatewayRecord } from './gateway-records.js';
export { type GatewayEndpoint, type OpenMessage, type Registration, trustOf } from './records.js';
export { type FolderRecord, type LookRecord, openStore, type PushRecord, type Store } from './store.js';
