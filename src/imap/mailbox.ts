import type { Runtime } from '../runtime.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { backOffMs } from './back-off.js';
import { createBell } from './bell.js';
import { catchUp, type LookedEvent, lookFrom, type RenumberedEvent } from './catch-up.js';
import { type Connection, openConnection } from './connection.js';
import { ImapError, lostError } from './errors.js';
import { type FetchedMail, fetchMail } from './fetch-mail.js';
import type { Progress } from './look-plan.js';
import type { MessageRef } from './message-ref.js';
import { createReach, type Reach } from './reach.js';
import { type Removed, removeMessages } from './remove.js';
import { waitForNews } from './wait-for-news.js';

/** What happens in a mailbox, in order. */
export type MailboxEvent =
  /** The folder is open; looks follow. */
  | { readonly type: 'connected'; readonly canIdle: boolean }
  | RenumberedEvent
  | LookedEvent
  /** The connection is gone, or could not be made; it is tried again after `retryMs`. */
  | { readonly type: 'disconnected'; readonly error: unknown; readonly retryMs: number };

/** One folder of one account over at most one connection. */
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
   * Takes messages out of the folder. Only those that the present connection has found are touched: open ones are
   * looked at again after every reconnect, and until then this rejects with `ERR_IMAP_LOST`; those that were not found
   * again, or belong to another UIDVALIDITY, are passed over. Rejects with an {@link ImapError}.
   */
  remove(messages: readonly MessageRef[]): Promise<Removed>;
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

/** A connection, and what may be removed over it. */
interface Session {
  readonly connection: Connection;
  readonly reach: Reach;
}

async function* run(
  { connection, reach }: Session,
  { progress, openUids, times, runtime }: MailboxOptions,
  signal: AbortSignal,
): AsyncGenerator<MailboxEvent, void, void> {
  const bell = createBell();
  connection.onNews(bell.ring);
  yield { type: 'connected', canIdle: connection.canIdle };
  for await (const event of catchUp(connection, progress(connection.path), openUids(connection.path), runtime.now())) {
    if (event.type === 'looked') reach.found(event.found);
    yield event;
  }
  reach.caughtUp();
  let endedIdles = 0;
  while (!signal.aborted) {
    if (connection.isOver) throw lostError(connection.error);
    const arrived = bell.answer();
    if (arrived !== undefined) {
      const lastUid = progress(connection.path)?.lastUid ?? connection.folder.uidNext - 1;
      yield* lookFrom(connection, lastUid + 1, lastUid, arrived);
      continue;
    }
    const rung = bell.rung();
    const quiet = await Promise.race([connection.quiet().then(() => true), rung.then(() => false)]);
    if (quiet) endedIdles = await waitForNews(connection, times, runtime, rung, endedIdles);
  }
}

function retryMs(error: unknown, attempt: number, { times, runtime }: MailboxOptions): number {
  // Knocking again and again with a refused password locks accounts.
  const first =
    error instanceof ImapError && error.disposition === 'action-required' ? times.retryMaxMs : times.retryFirstMs;
  const random = (runtime.randomBytes(1)[0] ?? 0) / 256;
  return backOffMs(attempt, first, times.retryMaxMs, random);
}

/** Makes a {@link Mailbox}; nothing is connected before its events are iterated. */
export function createMailbox(options: MailboxOptions): Mailbox {
  const { account, times, runtime } = options;
  let current: Session | undefined;

  async function* events(signal: AbortSignal): AsyncGenerator<MailboxEvent, void, void> {
    let attempt = 0;
    while (!signal.aborted) {
      let error: unknown;
      let openedAt: number | undefined;
      try {
        const connection = await openConnection(account, times, runtime, signal);
        openedAt = runtime.monotonicMs();
        current = { connection, reach: createReach(connection.folder, options.progress(connection.path)) };
        yield* run(current, options, signal);
      } catch (cause) {
        error = cause;
      } finally {
        const closing = current;
        current = undefined;
        await closing?.connection.close();
      }
      if (signal.aborted) return;
      // Only a connection that has lasted shows that the server is well.
      if (openedAt !== undefined && runtime.monotonicMs() - openedAt > times.answerMs) attempt = 0;
      const pause = retryMs(error, attempt, options);
      attempt += 1;
      yield { type: 'disconnected', error, retryMs: pause };
      await runtime.sleep(pause, signal).catch(() => {});
    }
  }

  function open(): Session {
    if (current === undefined || current.connection.isOver) throw lostError(current?.connection.error);
    return current;
  }

  return {
    events,
    fetch: async ({ folder, uid, uidValidity }, maxBytes) => {
      const { connection } = open();
      if (folder !== connection.path || uidValidity !== connection.folder.uidValidity) return { kind: 'gone' };
      return await connection.run((client) => fetchMail(client, uid, maxBytes));
    },
    remove: async (messages) => {
      const { connection, reach } = open();
      const uids = reach.within(messages.filter(({ folder }) => folder === connection.path));
      return await connection.run((client) => removeMessages(client, connection.removal, uids));
    },
  };
}
