export { createDeliveredIds, type DeliveredIds } from './delivered-ids.js';
export { StoreError, type StoreErrorCode } from './errors.js';
export type { FolderRecord, Registration } from './records.js';
export { type DeliveredId, type LookRecord, openStore, type PushRecord, type Store } from './store.js';
