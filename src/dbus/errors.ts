import { type Disposition, MailpushError, type MailpushErrorOptions } from '../errors.js';

/** Error names of the D-Bus specification and of libdbus that this project sends or looks for. */
export const errorNames = {
  accessDenied: 'org.freedesktop.DBus.Error.AccessDenied',
  failed: 'org.freedesktop.DBus.Error.Failed',
  invalidArgs: 'org.freedesktop.DBus.Error.InvalidArgs',
  limitsExceeded: 'org.freedesktop.DBus.Error.LimitsExceeded',
  nameHasNoOwner: 'org.freedesktop.DBus.Error.NameHasNoOwner',
  noReply: 'org.freedesktop.DBus.Error.NoReply',
  serviceUnknown: 'org.freedesktop.DBus.Error.ServiceUnknown',
  timedOut: 'org.freedesktop.DBus.Error.TimedOut',
  unknownInterface: 'org.freedesktop.DBus.Error.UnknownInterface',
  unknownMethod: 'org.freedesktop.DBus.Error.UnknownMethod',
  unknownObject: 'org.freedesktop.DBus.Error.UnknownObject',
  unknownProperty: 'org.freedesktop.DBus.Error.UnknownProperty',
} as const;

/** Options of a {@link BusError}. */
export interface BusErrorOptions extends MailpushErrorOptions {
  /** D-Bus name of the error reply when a method handler throws this error. */
  readonly errorName?: string;
}

/**
 * What goes wrong on the bus. Thrown by a method handler *with* an `errorName` it becomes that D-Bus error reply with
 * `message` as its text; without one the caller only learns `org.freedesktop.DBus.Error.Failed`, "Internal error".
 *
 * Codes: `ERR_BUS_ADDRESS`, `ERR_BUS_CONNECT`, `ERR_BUS_AUTH`, `ERR_BUS_TIMEOUT`, `ERR_BUS_CLOSED`, `ERR_BUS_CALL`,
 * `ERR_BUS_REPLY`, `ERR_BUS_NAME_TAKEN`, `ERR_BUS_ARGUMENT`, `ERR_BUS_PROTOCOL`, `ERR_BUS_BUSY`, `ERR_BUS_UNANSWERED`,
 * `ERR_BUS_METHOD`.
 */
export class BusError extends MailpushError {
  readonly errorName: string | undefined;

  constructor(code: string, message: string, options: BusErrorOptions = {}) {
    super(code, message, options);
    this.errorName = options.errorName;
  }
}

/** Names that say "not now" rather than "not so". */
const transient: ReadonlySet<string> = new Set([
  'org.freedesktop.DBus.Error.NoReply',
  'org.freedesktop.DBus.Error.Timeout',
  'org.freedesktop.DBus.Error.TimedOut',
  'org.freedesktop.DBus.Error.LimitsExceeded',
  'org.freedesktop.DBus.Error.NoMemory',
  'org.freedesktop.DBus.Error.Disconnected',
  'org.freedesktop.DBus.Error.ServiceUnknown',
  'org.freedesktop.DBus.Error.NameHasNoOwner',
]);

/**
 * The called side answered with an error: code `ERR_BUS_CALL`. Thrown on by a method handler it is *not* forwarded: it
 * answers another call than the handler's own.
 */
export class BusCallError extends BusError {
  /** The D-Bus name of the error, such as `org.freedesktop.DBus.Error.UnknownMethod`. */
  override readonly errorName: string;
  /** The other side's own words, at most 500 characters: for a debug log, not for a decision. */
  readonly detail: string;

  constructor(errorName: string, detail: string, member: string) {
    const disposition: Disposition = transient.has(errorName) ? 'transient' : 'rejected';
    super('ERR_BUS_CALL', `The D-Bus call ${member} was answered with ${errorName}; look at the called program.`, {
      disposition,
    });
    this.errorName = errorName;
    this.detail = detail.slice(0, 500);
  }
}
