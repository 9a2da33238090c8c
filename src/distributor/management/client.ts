import * as v from 'valibot';
import { BusCallError, connectBus, errorNames } from '../../dbus/index.js';
import { MailpushError } from '../../errors.js';
import { busName } from '../bus-name.js';
import { managementInterface, managementName, managementPath } from './names.js';
import {
  type AppList,
  appListSchema,
  type Status,
  statusSchema,
  type TrustAnswer,
  trustAnswerSchema,
} from './status.js';

/** Codes of a {@link ManagementError}. */
export type ManagementErrorCode =
  /** No daemon runs on this session bus, or it cannot be asked. */
  | 'ERR_DAEMON_ABSENT'
  /** It says no to what it is told. */
  | 'ERR_DAEMON_REFUSED'
  /** What answered says something else than a daemon does. */
  | 'ERR_DAEMON_ANSWER';

/** Why the daemon could not be asked. */
export class ManagementError extends MailpushError {
  declare readonly code: ManagementErrorCode;
}

/** The daemon answers at once from memory; a bus that hangs is not waited for longer. */
const answerMs = 10_000;

const nobody: readonly string[] = [errorNames.nameHasNoOwner, errorNames.serviceUnknown];

const absent =
  'The daemon is not running on this session bus: start it with "systemctl --user start mailpush" or "mailpush daemon", and look at its log if it ends.';
const mute =
  'The daemon runs but cannot be asked at the moment: ask again in a minute, then look at its log and restart it.';

async function call(member: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const bus = await connectBus({ signal });
  try {
    const [json] = await bus.call({
      destination: managementName,
      path: managementPath,
      interface: managementInterface,
      member,
      signature: 's'.repeat(args.length),
      args,
      replySignature: 's',
      timeoutMs: answerMs,
      autoStart: false,
      signal,
    });
    return String(json);
  } catch (cause) {
    if (cause instanceof BusCallError && cause.errorName === errorNames.invalidArgs) {
      throw new ManagementError('ERR_DAEMON_REFUSED', cause.detail, { cause });
    }
    if (!(cause instanceof BusCallError && nobody.includes(cause.errorName))) throw cause;
    const isThere = (await bus.nameOwner(busName).catch(() => undefined)) !== undefined;
    throw new ManagementError('ERR_DAEMON_ABSENT', isThere ? mute : absent, { cause, disposition: 'action-required' });
  } finally {
    await bus.close();
  }
}

async function ask<T>(
  member: string,
  args: readonly string[],
  schema: v.GenericSchema<unknown, T>,
  signal: AbortSignal,
): Promise<T> {
  const json = await call(member, args, signal);
  try {
    return v.parse(schema, JSON.parse(json));
  } catch (cause) {
    throw new ManagementError(
      'ERR_DAEMON_ANSWER',
      `The program at the bus name ${managementName} does not answer as this version of mailpush does: restart the daemon.`,
      { cause, disposition: 'action-required' },
    );
  }
}

/**
 * Asks the daemon on the session bus how it is.
 *
 * Rejects with {@link ManagementError}, with the `BusError` of a bus that cannot be reached, and with the signal's reason.
 */
export async function askStatus(signal: AbortSignal): Promise<Status> {
  return await ask('Status', [], statusSchema, signal);
}

/** Asks the daemon on the session bus for the registrations of apps. Rejects as {@link askStatus} does. */
export async function askApps(signal: AbortSignal): Promise<AppList> {
  return await ask('Apps', [], appListSchema, signal);
}

/**
 * Tells the daemon who may push to an app; see `ChangeTrust`. Rejects as {@link askStatus} does, and with
 * `ERR_DAEMON_REFUSED` when there is no such app.
 */
export async function tellTrust(app: string, fingerprint: string, signal: AbortSignal): Promise<TrustAnswer> {
  return await ask('Trust', [app, fingerprint], trustAnswerSchema, signal);
}
