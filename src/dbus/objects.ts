import type { BusInterface, BusMethod } from './bus.js';
import { BusError, errorNames } from './errors.js';
import { isInterfaceName, isMemberName, isObjectPath } from './names.js';
import { standardInterfaces } from './standard-interfaces.js';
import { parseTypes } from './values.js';

/** Which method a call means. */
export interface Target {
  readonly path: string;
  /** May be left out by the caller: then it is any interface with that member. */
  readonly interface: string | undefined;
  readonly member: string;
}

/** The exported objects, and which method a call finds in them. */
export class ExportedObjects {
  readonly #objects = new Map<string, Map<string, BusInterface>>();

  /** See {@link Bus.export}. */
  add(path: string, interfaces: readonly BusInterface[]): void {
    const valid = isObjectPath(path) && interfaces.every(isWellFormed);
    if (!valid)
      throw new BusError('ERR_BUS_ARGUMENT', 'Export valid interface and method names on a valid object path.');
    const object = this.#objects.get(path) ?? new Map<string, BusInterface>();
    for (const one of interfaces) {
      for (const method of Object.values(one.methods)) {
        parseTypes(method.in);
        parseTypes(method.out);
      }
      object.set(one.name, one);
    }
    this.#objects.set(path, object);
  }

  /** The method that is meant. Throws {@link BusError} with the standard error name when there is none. */
  find(target: Target): BusMethod {
    const object = this.#objects.get(target.path);
    const children = this.#children(target.path);
    const exists = object !== undefined || children.length > 0 || target.path === '/';
    const standard = standardInterfaces([...(object?.values() ?? [])], children);
    const peer = standard.filter((one) => one.name === 'org.freedesktop.DBus.Peer');
    // Peer is about the connection, so it answers on every path.
    const candidates = exists ? [...(object?.values() ?? []), ...standard] : peer;
    const meant = candidates.filter((one) => target.interface === undefined || one.name === target.interface);
    for (const one of meant) {
      if (Object.hasOwn(one.methods, target.member)) {
        const method = one.methods[target.member];
        if (method !== undefined) return method;
      }
    }
    if (!exists) throw unknown(errorNames.unknownObject, 'No such object');
    if (meant.length === 0) throw unknown(errorNames.unknownInterface, 'No such interface');
    throw unknown(errorNames.unknownMethod, 'No such method');
  }

  #children(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const below = [...this.#objects.keys()].filter((one) => one.startsWith(prefix) && one !== path);
    return [...new Set(below.map((one) => one.slice(prefix.length).split('/')[0] ?? ''))];
  }
}

function isWellFormed(one: BusInterface): boolean {
  return isInterfaceName(one.name) && Object.keys(one.methods).every(isMemberName);
}

function unknown(errorName: string, message: string): BusError {
  return new BusError('ERR_BUS_METHOD', message, { errorName });
}
