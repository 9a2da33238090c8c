import { type Bus, failureReasons, isUniqueName } from '../../dbus/index.js';
import { type Checked, refuse } from './request.js';

/** What the bus says about the caller of a method and the service it speaks for. */
export interface CallerFacts {
  /** The caller's unique name. */
  readonly sender: string;
  readonly service: string;
  /** Who owns the service now. */
  readonly owner: string | undefined;
  /** Whether the bus can start the service. */
  readonly activatable: boolean;
  /** Names that are the distributor's own. */
  readonly ownNames: readonly string[];
}

/**
 * Decides whether a caller may speak for a service: whoever owns it now, or, while nobody does, for an app that the bus can
 * start. This holds back sandboxed apps; a user's other programs can take any name they like.
 */
export function mayRegister(facts: CallerFacts): Checked<undefined> {
  const { sender, service, owner, activatable, ownNames } = facts;
  if (ownNames.includes(service)) return refuse(failureReasons.unauthorized, 'This service is the distributor itself.');
  if (isUniqueName(service)) {
    // Its connection may have ended since it called; its registration would then never end.
    return service === sender && owner === sender
      ? { ok: true, value: undefined }
      : refuse(failureReasons.unauthorized, 'This service is the connection of another program, or has ended.');
  }
  if (owner !== undefined) {
    return owner === sender
      ? { ok: true, value: undefined }
      : refuse(failureReasons.unauthorized, 'This service belongs to another program.');
  }
  return activatable
    ? { ok: true, value: undefined }
    : refuse(
        failureReasons.unauthorized,
        'Nobody owns this service and the bus cannot start it: own it before registering.',
      );
}

/** Asks the bus and decides; see {@link mayRegister}. */
export async function checkCaller(
  bus: Pick<Bus, 'uniqueName' | 'nameOwner' | 'listActivatableNames'>,
  sender: string,
  service: string,
  ownNames: readonly string[],
): Promise<Checked<undefined>> {
  const owner = await bus.nameOwner(service);
  const activatable = owner === undefined && (await bus.listActivatableNames()).includes(service);
  return mayRegister({ sender, service, owner, activatable, ownNames: [...ownNames, bus.uniqueName] });
}
