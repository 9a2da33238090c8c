/** The distributor: between the mailbox and the apps. */
export { busName, type DistributorOptions, runDistributor } from './distributor.js';
export { StoreError, type StoreErrorCode } from './store/index.js';
