export { StoreError, type StoreErrorCode } from './errors.js';
export type { OpenMessage, Registration } from './records.js';
export { type FolderRecord, type LookRecord, openStore, type PushRecord, type Store } from './store.js';
