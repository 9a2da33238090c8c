import type { Runtime } from '../runtime.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { type Announcing, trusted } from './announcing.js';
import { createBell } from './bell.js';
import { catchUp, type LookedEvent, lookFrom, type RenumberedEvent } from './catch-up.js';
import { openConnection } from './connection.js';
import { ImapError, lostError } from './errors.js';
import type { FetchedMail } from './fetch-mail.js';
import type { Progress } from './look-plan.js';
import type { MessageRef } from './message-ref.js';
import { createReach } from './reach.js';
import { createReconnecting } from './reconnecting.js';
import type { Removed } from './remove.js';
import { fetchOver, removeOver, type Session } from './session.js';
import { createSideFolders, inbox, type SideFolders } from './side-folders.js';
import { notWaited, waitForNews } from './wait-for-news.js';

/** What happens in a mailbox, in order. */
export type MailboxEvent =
  /** The main folder is open; looks follow. */
  | { readonly type: 'connected'; readonly canIdle: boolean }
  | RenumberedEvent
  | LookedEvent
  /** Whether the server announces new mail while we idle, as it should; told when that changes. */
  | { readonly type: 'announcements'; readonly reliable: boolean }
  /** Whether the mailbox takes no more mail, as far as the server tells; told when that changes. */
  | { readonly type: 'room'; readonly isFull: boolean }
  /** The connection is gone, or could not be made; it is tried again after `retryMs`. */
  | { readonly type: 'disconnected'; readonly error: unknown; readonly retryMs: number };

/** One account over at most one connection: its main folder at once, and now and then those where pushes go astray. */
export interface Mailbox {
  /**
   * Connects, looks, idles and reconnects until `signal` is aborted, and tells what happens. To be iterated once. The
   * next look begins when the one before has been taken in. Whoever stops iterating closes the connection.
   */
  events(signal: AbortSignal): AsyncIterable<MailboxEvent>;
  /**
   * The first `maxBytes` of a message; the message stays unread. Rejects with an {@link ImapError}: `ERR_IMAP_LOST`
   * while there is no connection, `ERR_IMAP_REFUSED` when the server does not give it.
   */
  fetch(message: MessageRef, maxBytes: number): Promise<FetchedMail>;
  /**
   * Takes messages out of their folders. Only those that the present connection has found are touched: open ones are
   * looked at again after every reconnect, and until then this rejects with `ERR_IMAP_LOST`; those that were not found
   * again, or belong to another UIDVALIDITY, are passed over. Rejects with an {@link ImapError}.
   */
  remove(messages: readonly MessageRef[]): Promise<Removed>;
  /**
   * Something has happened after which the line may be another: the machine was asleep, or the network has come back. An
   * open connection has to prove that it is alive, and is made anew if it does not; a pause between two tries is cut
   * short, except after a refused login. Can be called at any time and as often as it happens; never throws.
   */
  wake(reason: 'resumed' | 'network'): void;
}

/** What a {@link Mailbox} is made from. */
export interface MailboxOptions {
  readonly account: ImapAccount;
  readonly times: ImapTimes;
  readonly runtime: Runtime;
  /** How far a folder had been looked through; asked at every connection. */
  readonly progress: (folder: string) => Progress | undefined;
  /** UIDs that are still worked on in a folder; they are looked at again at every connection. */
  readonly openUids: (folder: string) => readonly number[];
}

async function* run(
  session: Session,
  sides: SideFolders,
  { progress, openUids, times, runtime }: MailboxOptions,
  server: { announcing: Announcing; isFull: boolean },
  signal: AbortSignal,
): AsyncGenerator<MailboxEvent, void, void> {
  const { connection } = session;
  const { main } = connection;
  const bell = createBell();
  connection.onNews(bell.ring);
  yield { type: 'connected', canIdle: connection.canIdle };
  const reach = createReach(main, progress(main.path));
  session.visited.set(main.path, { folder: main, reach });
  for await (const event of catchUp(main, progress(main.path), openUids(main.path), runtime.now())) {
    if (event.type === 'looked') reach.found(event.found);
    yield event;
  }
  reach.caughtUp();
  let roomAskedAt: number | undefined;
  let waited = { ...notWaited, announcing: server.announcing };
  while (!signal.aborted) {
    if (connection.isOver) throw lostError(connection.error);
    const lastUid = progress(main.path)?.lastUid ?? main.uidNext - 1;
    main.saw(lastUid);
    // What came while another folder was open, or was not announced, is told by opening this one again.
    const missed = Math.max(0, main.uidNext - 1 - lastUid);
    const arrived = bell.answer();
    if (arrived !== undefined || missed > 0) {
      yield* lookFrom(main, lastUid + 1, lastUid + missed, (arrived ?? 0) + missed);
      waited = { ...waited, isSettled: false };
      continue;
    }
    if (sides.isDue(session)) {
      yield* sides.look(session);
      continue;
    }
    if (roomAskedAt === undefined || runtime.monotonicMs() - roomAskedAt >= times.roomMs) {
      roomAskedAt = runtime.monotonicMs();
      const isFull = (await connection.isFull()) ?? server.isFull;
      if (isFull !== server.isFull) yield { type: 'room', isFull };
      server.isFull = isFull;
      continue;
    }
    const quiet = await Promise.race([connection.quiet().then(() => true), bell.rung().then(() => false)]);
    if (!quiet) continue;
    await connection.goHome();
    if (main.uidNext - 1 > lastUid) continue;
    waited = await waitForNews(connection, times, runtime, bell, waited);
    const { isReliable: reliable } = waited.announcing;
    const isNew = reliable !== server.announcing.isReliable;
    server.announcing = waited.announcing;
    if (isNew) yield { type: 'announcements', reliable };
  }
}

/** Makes a {@link Mailbox}; nothing is connected before its events are iterated. */
export function createMailbox(options: MailboxOptions): Mailbox {
  const { times, runtime } = options;
  // Any case means the same folder (RFC 9051 §5.1).
  const folder = options.account.folder.toUpperCase() === inbox ? inbox : options.account.folder;
  const account = { ...options.account, folder };
  const sides = createSideFolders(options);
  const reconnecting = createReconnecting(times, runtime);
  const server = { announcing: trusted, isFull: false };
  let current: Session | undefined;

  async function* events(signal: AbortSignal): AsyncGenerator<MailboxEvent, void, void> {
    while (!signal.aborted) {
      let error: unknown;
      try {
        const connection = await openConnection(account, times, runtime, reconnecting.begin(signal));
        reconnecting.opened();
        current = { connection, visited: new Map() };
        yield* run(current, sides, options, server, signal);
      } catch (cause) {
        error = cause;
        // What a rule would have filed there is in the INBOX now.
        if (cause instanceof ImapError && cause.code === 'ERR_IMAP_FOLDER') sides.hurry();
      } finally {
        const closing = current;
        current = undefined;
        await closing?.connection.close();
      }
      if (signal.aborted) return;
      yield { type: 'disconnected', error, retryMs: reconnecting.ended(error) };
      await reconnecting.pause(signal);
    }
  }

  /** Beside the main folder a failure may mean that the folder is gone or another, of which nothing else tells. */
  async function hurried<T>(done: Promise<T>, messages: readonly MessageRef[]): Promise<T> {
    try {
      return await done;
    } catch (error) {
      const isOfFolder = error instanceof ImapError && current?.connection.isOver === false;
      if (isOfFolder && messages.some((message) => message.folder !== folder)) sides.hurry();
      throw error;
    }
  }

  function open(): Session {
    if (current === undefined || current.connection.isOver) throw lostError(current?.connection.error);
    return current;
  }

  return {
    events,
    fetch: async (message, maxBytes) => await hurried(fetchOver(open(), message, maxBytes), [message]),
    remove: async (messages) => await hurried(removeOver(open(), messages), messages),
    wake: (reason) => {
      runtime.log.debug({ event: 'imap.wake', reason }, 'The line to the mail server is put to the test.');
      if (current === undefined) reconnecting.wake();
      // Its failure ends the connection, which is seen where its news are waited for.
      else current.connection.check().catch(() => {});
    },
  };
}
