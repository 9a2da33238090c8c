import { BusError } from './errors.js';

/** One place where a bus may listen. */
export interface SocketAddress {
  /** File name of a unix socket; an abstract one begins with a zero byte. */
  readonly path: string;
  /** The bus must introduce itself with this id, when it is given. */
  readonly guid: string | undefined;
}

const maxAddressLength = 4096;

/**
 * Reads a D-Bus server address, which may be a list, into the sockets to try in order (D-Bus specification, Server
 * Addresses). Only unix sockets are taken (`path`, `abstract`, `runtime=yes`): other transports carry no proof of who calls.
 *
 * @param environment - where `XDG_RUNTIME_DIR` is looked up for `runtime=yes`.
 *
 * Throws {@link BusError} `ERR_BUS_ADDRESS` when the text is malformed or holds no address that can be used.
 */
export function parseAddress(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): SocketAddress[] {
  if (text.length > maxAddressLength) throw badAddress();
  const addresses: SocketAddress[] = [];
  for (const one of text.split(';')) {
    if (one === '') continue;
    const colon = one.indexOf(':');
    if (colon < 0) throw badAddress();
    const keys = parseKeys(one.slice(colon + 1));
    if (one.slice(0, colon) !== 'unix') continue;
    const path = socketPath(keys, environment);
    if (path !== undefined) addresses.push({ path, guid: keys.get('guid') });
  }
  if (addresses.length === 0) throw badAddress();
  return addresses;
}

/**
 * The session bus's address: `DBUS_SESSION_BUS_ADDRESS`, else the socket `bus` in `XDG_RUNTIME_DIR`.
 *
 * Throws {@link BusError} `ERR_BUS_ADDRESS` when neither is set.
 */
export function sessionAddress(environment: Readonly<Record<string, string | undefined>>): SocketAddress[] {
  const address = environment.DBUS_SESSION_BUS_ADDRESS;
  if (address !== undefined && address !== '') return parseAddress(address, environment);
  if (environment.XDG_RUNTIME_DIR) return [{ path: `${environment.XDG_RUNTIME_DIR}/bus`, guid: undefined }];
  throw new BusError('ERR_BUS_ADDRESS', 'Run this in a desktop session, or set DBUS_SESSION_BUS_ADDRESS to its bus.', {
    disposition: 'action-required',
  });
}

/** Where a system bus listens when nothing else is said (D-Bus specification, System message bus). */
const systemSocket: SocketAddress = { path: '/var/run/dbus/system_bus_socket', guid: undefined };

/**
 * The system bus's address: `DBUS_SYSTEM_BUS_ADDRESS`, else the socket that the specification names.
 *
 * Throws {@link BusError} `ERR_BUS_ADDRESS` when the variable is malformed.
 */
export function systemAddress(environment: Readonly<Record<string, string | undefined>>): SocketAddress[] {
  const address = environment.DBUS_SYSTEM_BUS_ADDRESS;
  return address === undefined || address === '' ? [systemSocket] : parseAddress(address, environment);
}

function parseKeys(text: string): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const pair of text.split(',')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = pair.slice(0, equals);
    if (equals < 1 || keys.has(key)) throw badAddress();
    keys.set(key, unescapeValue(pair.slice(equals + 1)));
  }
  return keys;
}

function unescapeValue(text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw badAddress();
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const plain = bytes.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  if (plain.includes('\0')) throw badAddress();
  return Buffer.from(plain, 'latin1').toString('utf8');
}

function socketPath(
  keys: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const path = keys.get('path');
  const abstract = keys.get('abstract');
  if (path !== undefined && abstract !== undefined) throw badAddress();
  if (path) return path;
  if (abstract) return `\0${abstract}`;
  if (keys.get('runtime') === 'yes' && environment.XDG_RUNTIME_DIR) return `${environment.XDG_RUNTIME_DIR}/bus`;
  return undefined;
}

function badAddress(): BusError {
  return new BusError(
    'ERR_BUS_ADDRESS',
    'Give a D-Bus address of a unix socket, such as unix:path=/run/user/1000/bus.',
    {
      disposition: 'action-required',
    },
  );
}
