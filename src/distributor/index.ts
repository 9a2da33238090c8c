/** The distributor: between the mailbox and the apps. */
export { busName } from './bus-name.js';
export { type DistributorOptions, runDistributor } from './distributor.js';
export {
  type AppList,
  type AppStatus,
  askApps,
  askStatus,
  ManagementError,
  type ManagementErrorCode,
  type Problem,
  type Status,
  type TrustAnswer,
  tellTrust,
  type Waiting,
} from './management/index.js';
export { StoreError, type StoreErrorCode } from './store/index.js';
