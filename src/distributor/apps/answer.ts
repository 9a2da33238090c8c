import { BusCallError, BusError } from '../../dbus/index.js';

/** What became of a message that was handed to an app. */
export type Answer =
  /** The app has it. */
  | 'accepted'
  /** The app is there but said no, hung or broke: counted, after a while parked. */
  | 'refused'
  /** Nobody is there to take it. */
  | 'unreachable';

const nobodyThere: readonly string[] = [
  'org.freedesktop.DBus.Error.ServiceUnknown',
  'org.freedesktop.DBus.Error.NameHasNoOwner',
  'org.freedesktop.DBus.Error.Disconnected',
  // Of the bus, not of the app.
  'org.freedesktop.DBus.Error.LimitsExceeded',
];

/** Starting the app failed (`Spawn.ChildExited`, `Spawn.ExecFailed` …). */
const notStarted = 'org.freedesktop.DBus.Error.Spawn.';

/** Judges the failure of a call to an app. */
export function answerOf(error: unknown): Answer {
  if (error instanceof BusCallError) {
    const { errorName } = error;
    return nobodyThere.includes(errorName) || errorName.startsWith(notStarted) ? 'unreachable' : 'refused';
  }
  return error instanceof BusError && error.code === 'ERR_BUS_TIMEOUT' ? 'refused' : 'unreachable';
}
