import type { ImapFlow } from 'imapflow';
import { ImapError } from './errors.js';

/** How much of a message's Email-Notify fields is fetched; a push mail's has 50 bytes, and more than this is none. */
export const maxHeaderBytes = 2048;

/**
 * All that is ever sent. What is missing is missing for a reason: EXPUNGE and CLOSE remove every message that the user
 * has marked as deleted, and FETCH, STORE and MOVE without UID hit another message when numbers have shifted.
 */
const allowed: ReadonlySet<string> = new Set([
  'CAPABILITY',
  'ID',
  'STARTTLS',
  'AUTHENTICATE',
  'LOGIN',
  'NAMESPACE',
  'COMPRESS',
  'ENABLE',
  'LIST',
  'LSUB',
  'XLIST',
  'SELECT',
  'EXAMINE',
  'STATUS',
  'GETQUOTAROOT',
  'NOOP',
  'IDLE',
  'UID FETCH',
  'UID SEARCH',
  'UID STORE',
  'UID EXPUNGE',
  'UID MOVE',
  'CREATE',
  'SUBSCRIBE',
  'LOGOUT',
]);

/** Whether a command is one that we send; `command` is written as on the wire, in any case. */
export function isAllowed(command: string): boolean {
  return allowed.has(command.toUpperCase());
}

interface FetchItem {
  readonly section?: unknown;
  readonly partial?: unknown;
}

function asksForFields(item: FetchItem): boolean {
  const section: unknown = Array.isArray(item.section) ? item.section[0] : undefined;
  return typeof section === 'object' && section !== null && 'value' in section && section.value === 'HEADER.FIELDS';
}

/**
 * The same arguments of a command, with `<0.2048>` behind each `BODY.PEEK[HEADER.FIELDS (…)]` (RFC 9051 §6.4.5): a
 * header can be as long as its sender likes.
 *
 * @param argument a command's arguments as the library's compiler takes them.
 */
export function boundHeaders(argument: unknown): unknown {
  if (Array.isArray(argument)) return argument.map(boundHeaders);
  if (typeof argument !== 'object' || argument === null || !asksForFields(argument)) return argument;
  return { ...argument, partial: [0, maxHeaderBytes] };
}

/** The one method that every command of the library goes through; its type declarations leave it out. */
interface Sending {
  exec(command: string, attributes: unknown, options?: unknown): Promise<unknown>;
}

const refusals = new WeakMap<ImapFlow, unknown>();

/** Why the server refused the last command that it refused: the library keeps that to itself for some commands. */
export function lastRefusal(client: ImapFlow): unknown {
  return refusals.get(client);
}

/**
 * Watches what a client sends. The library can ask for a header only as a whole, and it falls back to EXPUNGE when a
 * server takes back that it knows UIDPLUS: neither may depend on its good will.
 */
export function guardWire(client: ImapFlow): void {
  const sending = client as unknown as Sending;
  const exec = sending.exec.bind(client);
  sending.exec = (command, attributes, options) => {
    if (isAllowed(command)) {
      const done = exec(command, boundHeaders(attributes), options);
      done.catch((error: unknown) => refusals.set(client, error));
      return done;
    }
    return Promise.reject(
      new ImapError(
        'ERR_IMAP_REFUSED',
        `${command} is not sent, because it could change other mail: it is tried again.`,
        {
          disposition: 'transient',
        },
      ),
    );
  };
}
