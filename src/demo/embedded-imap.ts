import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type hoodiecrow from 'hoodiecrow-imap';
import { MailpushError } from '../errors.js';
import { type ConnectionCounts, createConnectionMeter } from './connection-meter.js';
import {
  announceFlags,
  fetchLast,
  formatInternalDate,
  idle,
  internalDates,
  partialFetch,
  readOnly,
  reply,
  uidExpunge,
} from './hoodiecrow-repairs.js';

/** A user of the embedded mail server. */
export interface MailUser {
  /** Mail address and login name in one; compared without regard to case. */
  readonly address: string;
  readonly password: string;
}

/** What a message is stored with. */
export interface AppendOptions {
  /** System flags and keywords. Default none. */
  readonly flags?: readonly string[];
  /** Internal date, kept to the second. Default now. */
  readonly date?: Date;
}

/** A message as it lies in its folder. */
export interface StoredMessage {
  readonly uid: number;
  /** Sorted; without `\Recent`, which belongs to the session that asks (RFC 3501 §2.3.2). */
  readonly flags: readonly string[];
  readonly internalDate: Date;
  readonly bytes: Uint8Array;
}

/** Every folder by its full name, each with its messages in the order of their UIDs. */
export type MailboxSnapshot = Readonly<Record<string, readonly StoredMessage[]>>;

/** The IMAP side of the embedded mail server; each user has mailboxes of their own behind one port. */
export interface EmbeddedImap {
  readonly port: number;
  /** Stores a message, announces it to the connections that have the folder open, and returns its UID. */
  append(address: string, folder: string, raw: Uint8Array, options?: AppendOptions): number;
  createFolder(address: string, path: string): void;
  snapshot(address: string): MailboxSnapshot;
  connections(): ConnectionCounts;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

type Hoodiecrow = typeof hoodiecrow;
type Server = hoodiecrow.ImapServer;
type Connection = hoodiecrow.Connection;

const ourPlugins = [idle, partialFetch, fetchLast, announceFlags, internalDates];

/** What the embedded server can leave out, to be like a poorer server. */
export const optionalCapabilities = [
  'IDLE',
  'UIDPLUS',
  'MOVE',
  'SPECIAL-USE',
  'NAMESPACE',
  'UNSELECT',
  'LITERALPLUS',
] as const;

/** One of {@link optionalCapabilities}. */
export type OptionalCapability = (typeof optionalCapabilities)[number];

function pluginsWithout(left: readonly OptionalCapability[]): (string | hoodiecrow.Plugin)[] {
  const theirs = optionalCapabilities.filter((name) => name !== 'IDLE' && !left.includes(name));
  const ours = ourPlugins.filter((plugin) => plugin !== idle || !left.includes('IDLE'));
  // A repair wraps the command it finds, so it comes after the plugin that brings the command.
  return [...theirs, ...ours, ...(left.includes('UIDPLUS') ? [] : [uidExpunge]), readOnly];
}

/** One user's mailboxes: hoodiecrow has one set of mailboxes per server, whoever logs in. */
function createStore(create: Hoodiecrow, plugins: (string | hoodiecrow.Plugin)[]): Server {
  const uidvalidity = Math.floor(Date.now() / 1000);
  const special = (name: string): hoodiecrow.Options['storage'] => ({
    [name]: { 'special-use': `\\${name}`, uidvalidity },
  });
  const folders = { ...special('Trash'), ...special('Junk'), ...special('Sent') };
  const store = create({
    plugins,
    storage: { INBOX: { uidvalidity }, '': { folders, separator: '/', type: 'personal' } },
  });
  store.setMaxListeners(0);
  return store;
}

/** LOGIN that hands the connection over to the server with the user's mailboxes. */
function loginTo(
  storeOf: (address: string) => Server | undefined,
  users: ReadonlyMap<string, MailUser>,
): hoodiecrow.Plugin {
  const text = (argument: hoodiecrow.Argument | undefined): string =>
    argument && !Array.isArray(argument) ? argument.value : '';
  return (front) => {
    front.setCommandHandler('LOGIN', (connection, parsed, _data, done) => {
      const name = text(parsed.attributes?.[0]).toLowerCase();
      const store = storeOf(name);
      if (store === undefined || users.get(name)?.password !== text(parsed.attributes?.[1])) {
        reply(connection, parsed, 'NO', 'Wrong user or password', 'AUTHENTICATIONFAILED');
      } else {
        moveTo(connection, store);
        reply(connection, parsed, 'OK', 'Logged in');
      }
      done();
    });
  };
}

function moveTo(connection: Connection, store: Server): void {
  connection.server.removeListener('notify', connection._notificationCallback);
  connection.server = store;
  store.on('notify', connection._notificationCallback);
  connection.state = 'Authenticated';
}

/**
 * Starts the embedded IMAP server on 127.0.0.1.
 *
 * @param create the `hoodiecrow-imap` module
 * @param options `users`; `port` (default: a free one); `without`: capabilities not offered (default none)
 */
export async function startEmbeddedImap(
  create: Hoodiecrow,
  options: { users: readonly MailUser[]; port?: number; without?: readonly OptionalCapability[] },
): Promise<EmbeddedImap> {
  const plugins = pluginsWithout(options.without ?? []);
  const users = new Map(options.users.map((user) => [user.address.toLowerCase(), user]));
  const stores = new Map([...users.keys()].map((address) => [address, createStore(create, plugins)]));
  const front = create({ plugins: [...plugins, loginTo((address) => stores.get(address), users)], users: {} });
  front.setMaxListeners(0);

  const meter = createConnectionMeter();
  front.server.on('connection', (socket) => {
    // Hoodiecrow writes an answer in pieces; with Nagle's algorithm each command would wait 40 ms.
    socket.setNoDelay(true);
    meter.watch(socket);
  });
  front.server.listen(options.port ?? 0, '127.0.0.1');
  await once(front.server, 'listening');

  const storeOf = (address: string): Server => {
    const store = stores.get(address.toLowerCase());
    if (store === undefined) {
      throw new MailpushError(
        'ERR_DEMO_MAILBOX',
        `${address} is not a user of the embedded mail server; name one that is.`,
      );
    }
    return store;
  };
  return {
    port: (front.server.address() as AddressInfo).port,
    append: (address, folder, raw, append = {}) => appendTo(storeOf(address), folder, raw, append),
    createFolder: (address, path) => storeOf(address).createMailbox(path),
    snapshot: (address) => snapshotOf(storeOf(address)),
    connections: () => meter.counts(),
    async stop() {
      const closed = once(front.server, 'close');
      front.server.close();
      meter.cutAll();
      await closed;
    },
  };
}

function appendTo(store: Server, folder: string, raw: Uint8Array, options: AppendOptions): number {
  const mailbox = store.getMailbox(folder);
  if (mailbox === undefined) {
    throw new MailpushError(
      'ERR_DEMO_MAILBOX',
      `There is no folder ${folder} in the embedded mail server; create it first.`,
    );
  }
  const date = formatInternalDate(options.date ?? new Date());
  return store.appendMessage(mailbox, [...(options.flags ?? [])], date, Buffer.from(raw).toString('latin1')).message
    .uid;
}

function snapshotOf(store: Server): MailboxSnapshot {
  const folders = Object.values(store.folderCache).map((mailbox) => {
    const messages = mailbox.messages.map((message) => ({
      uid: message.uid,
      flags: message.flags.filter((flag) => flag !== '\\Recent').sort(),
      internalDate: new Date(message.internaldate),
      bytes: new Uint8Array(Buffer.from(message.raw, 'latin1')),
    }));
    return [mailbox.path, messages] as const;
  });
  return Object.fromEntries(folders);
}
