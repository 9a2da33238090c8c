/**
 * What the caller should do next, which alone drives retries:
 *
 * - `transient`: try again later, nothing has to change;
 * - `rejected`: this input will never work, do not try it again;
 * - `action-required`: somebody has to change something (a password, a config, a full disk) first.
 */
export type Disposition = 'transient' | 'rejected' | 'action-required';

/** Options of a {@link MailpushError}. */
export interface MailpushErrorOptions {
  /** What to do next. Default `rejected`. */
  readonly disposition?: Disposition;
  /** The error underneath, if there is one. */
  readonly cause?: unknown;
}

/**
 * The base of every error that mailpush throws on purpose. `code` is stable (`ERR_…`) and made to be compared;
 * `message` is one sentence for a person and says what to do next.
 */
export class MailpushError extends Error {
  readonly code: string;
  readonly disposition: Disposition;

  constructor(code: string, message: string, options: MailpushErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.disposition = options.disposition ?? 'rejected';
  }
}
