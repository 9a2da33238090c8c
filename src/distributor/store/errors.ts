import { MailpushError } from '../../errors.js';

/** Codes of a {@link StoreError}. */
export type StoreErrorCode =
  /** Another process has the store open. */
  | 'ERR_STORE_IN_USE'
  /** The folder or the database in it cannot be opened. */
  | 'ERR_STORE_UNUSABLE'
  /** It was written by a newer version. */
  | 'ERR_STORE_NEWER'
  /** Something in it is not as it was written; the next opening replaces it by what can be saved. */
  | 'ERR_STORE_DAMAGED'
  /** Something could not be written. */
  | 'ERR_STORE_WRITE';

/** What is wrong with the folder in which the distributor keeps its state. */
export class StoreError extends MailpushError {
  declare readonly code: StoreErrorCode;
}

/** The error of a store whose contents are not what was written. */
export function damagedError(directory: string, cause: unknown): StoreError {
  return new StoreError(
    'ERR_STORE_DAMAGED',
    `The state in ${directory} cannot be read: start the daemon again, it then uses what can be saved of it.`,
    { cause, disposition: 'action-required' },
  );
}

/** Whether this is what a database rejects with when its files are not what it has written. */
export function isCorrupt(error: unknown): boolean {
  return (error as { readonly cause?: { readonly code?: string } } | undefined)?.cause?.code === 'LEVEL_CORRUPTION';
}
