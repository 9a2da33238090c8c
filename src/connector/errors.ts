import { type FailureReason, failureReasons } from '../dbus/index.js';
import { type Disposition, MailpushError, type MailpushErrorOptions } from '../errors.js';

/** Options of a {@link ConnectorError}. */
export interface ConnectorErrorOptions extends MailpushErrorOptions {
  /** See {@link ConnectorError.reason}. */
  readonly reason?: string | undefined;
}

/**
 * What goes wrong between an app and its distributor.
 *
 * - `ERR_DISTRIBUTOR_NONE`: there is no distributor on the bus, or not the one that was named;
 * - `ERR_REGISTRATION_REFUSED`: the distributor said no, see `reason`; `disposition` says whether to ask again;
 * - `ERR_REGISTRATION_TIMEOUT`: the distributor said yes and gave no endpoint in time;
 * - `ERR_REGISTRATION_INVALID`: an option breaks a limit of UnifiedPush;
 * - `ERR_CONNECTOR_CLOSED`: the connector or the registration was ended meanwhile.
 */
export class ConnectorError extends MailpushError {
  /** The distributor's reason: one of the specification's words in version 2, any text in version 1. */
  readonly reason: string | undefined;

  constructor(code: string, message: string, options: ConnectorErrorOptions = {}) {
    super(code, message, options);
    this.reason = options.reason;
  }
}

const dispositions: Readonly<Record<FailureReason, Disposition>> = {
  INTERNAL_ERROR: 'transient',
  NETWORK: 'transient',
  ACTION_REQUIRED: 'action-required',
  VAPID_REQUIRED: 'rejected',
  UNAUTHORIZED: 'rejected',
};

const advice: Readonly<Record<Disposition, string>> = {
  transient: 'try again later',
  'action-required': 'look at the distributor, it needs its user',
  rejected: 'it will not take this registration as it is',
};

const maxReasonChars = 200;

/**
 * The error for a registration that the distributor refused.
 *
 * @param reason - the distributor's word for it; one that the specification does not know is taken for "not now".
 * @param isFinal - the distributor said that asking again is of no use.
 */
export function registrationRefused(reason: string, isFinal = false): ConnectorError {
  const known = Object.values(failureReasons).find((one) => one === reason);
  const disposition = isFinal ? 'rejected' : known === undefined ? 'transient' : dispositions[known];
  // An unknown reason is the distributor's free text, which may hold anything: it goes into the field, not the message.
  const word = known === undefined ? '' : ` (${known})`;
  return new ConnectorError('ERR_REGISTRATION_REFUSED', `The distributor refused${word}: ${advice[disposition]}.`, {
    disposition,
    reason: reason.slice(0, maxReasonChars),
  });
}

/** `ERR_DISTRIBUTOR_NONE`: nobody to register with. */
export function noDistributor(cause?: unknown): ConnectorError {
  return new ConnectorError(
    'ERR_DISTRIBUTOR_NONE',
    'Start a UnifiedPush distributor, such as mailpush daemon, first.',
    {
      cause,
      disposition: 'action-required',
    },
  );
}

/** `ERR_CONNECTOR_CLOSED`: the app itself ended it. */
export function connectorClosed(): ConnectorError {
  return new ConnectorError('ERR_CONNECTOR_CLOSED', 'The connector was closed; make another one.');
}
