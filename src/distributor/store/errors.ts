import { MailpushError } from '../../errors.js';

/** Codes of a {@link StoreError}. */
export type StoreErrorCode =
  /** Another process has the store open. */
  | 'ERR_STORE_IN_USE'
  /** The folder or the database in it cannot be opened. */
  | 'ERR_STORE_UNUSABLE'
  /** It was written by a newer version. */
  | 'ERR_STORE_NEWER'
  /** A record in it does not have the shape it must have. */
  | 'ERR_STORE_DAMAGED'
  /** Something could not be written. */
  | 'ERR_STORE_WRITE';

/** What is wrong with the folder in which the distributor keeps its state. */
export class StoreError extends MailpushError {
  declare readonly code: StoreErrorCode;
}
