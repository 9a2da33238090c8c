import type { Runtime } from '../runtime.js';
import type { ImapAccount, ImapTimes } from './account.js';
import { backOffMs } from './back-off.js';
import { type Connection, openConnection } from './connection.js';
import { ImapError, lostError } from './errors.js';
import { type FetchedMail, fetchMail } from './fetch-mail.js';
import { type Found, listUids, lookAt, lookSince, searchPushMail } from './look.js';
import { type Progress, planLook, searchBackDays } from './look-plan.js';
import type { MessageRef } from './message-ref.js';
import { type Removed, removeMessages } from './remove.js';
import { chunkUids } from './uid-set.js';

/** What happens in a mailbox, in order. */
export type MailboxEvent =
  /** The folder is open; looks follow. */
  | { readonly type: 'connected'; readonly canIdle: boolean }
  /** The server numbers its messages anew (UIDVALIDITY): every UID known so far means nothing any more. */
  | { readonly type: 'renumbered' }
  /** One look: what it found, which of the open messages are not there any more, and how far it got. */
  | {
      readonly type: 'looked';
      readonly found: readonly Found[];
      readonly gone: readonly number[];
      readonly progress: Progress;
    }
  /** The connection is gone, or could not be made; it is tried again after `retryMs`. */
  | { readonly type: 'disconnected'; readonly error: unknown; readonly retryMs: number };

/** One folder of one account over at most one connection. */
export interface Mailbox {
  /**
   * Connects, looks, idles and reconnects until `signal` is aborted, and tells what happens. To be iterated once. The
   * next look begins when the one before has been taken in.
   */
  events(signal: AbortSignal): AsyncIterable<MailboxEvent>;
  /** The first `maxBytes` of a message; the message stays unread. Rejects with `ERR_IMAP_LOST` while there is no connection. */
  fetch(message: MessageRef, maxBytes: number): Promise<FetchedMail>;
  /**
   * Takes messages out of the folder; those of another UIDVALIDITY are passed over. Only for messages that were found
   * on the present connection: after every reconnect the open ones are looked at again first. Rejects with an
   * {@link ImapError}.
   */
  remove(messages: readonly MessageRef[]): Promise<Removed>;
}

/** What a {@link Mailbox} is made from. */
export interface MailboxOptions {
  readonly account: ImapAccount;
  readonly times: ImapTimes;
  readonly runtime: Runtime;
  /** How far the folder had been looked through; asked at every connection. */
  readonly progress: () => Progress | undefined;
  /** UIDs that are still worked on; they are looked at again at every connection. */
  readonly openUids: () => readonly number[];
}

const dayMs = 86_400_000;
/** Past this many new UIDs, ask which of them exist before looking, so that no answer grows without bound. */
const directLookUids = 1000;

type Looks = AsyncGenerator<MailboxEvent, void, void>;

/** Looks again at the messages that were still open when the connection before ended. */
async function* lookAtOpen(connection: Connection, uids: readonly number[], progress: Progress): Looks {
  for (const chunk of chunkUids(uids, directLookUids)) {
    const { found, uids: there } = await connection.run((client) => lookAt(client, chunk));
    const stillOpen = new Set(found.map(({ uid }) => uid).filter((uid) => there.includes(uid)));
    yield { type: 'looked', found, gone: chunk.filter((uid) => !stillOpen.has(uid)), progress };
  }
}

async function* lookInChunks(connection: Connection, chunks: readonly number[][], uidValidity: string): Looks {
  for (const chunk of chunks) {
    const { found } = await connection.run((client) => lookAt(client, chunk));
    yield { type: 'looked', found, gone: [], progress: { uidValidity, lastUid: chunk.at(-1) ?? 0 } };
  }
}

/** Everything that SELECT calls for; see {@link planLook}. */
async function* catchUp(connection: Connection, options: MailboxOptions): Looks {
  const { uidValidity } = connection.folder;
  const before = options.progress();
  const plan = planLook(before, connection.folder);
  const done: MailboxEvent = {
    type: 'looked',
    found: [],
    gone: [],
    progress: { uidValidity, lastUid: plan.lastUid },
  };
  switch (plan.kind) {
    case 'begin':
      yield done;
      return;
    case 'search': {
      yield { type: 'renumbered' };
      const since = new Date(options.runtime.now() - searchBackDays * dayMs);
      yield* lookInChunks(connection, await connection.run((client) => searchPushMail(client, since)), uidValidity);
      yield done;
      return;
    }
    case 'nothing':
      if (before !== undefined) yield* lookAtOpen(connection, options.openUids(), before);
      return;
    case 'since':
      if (before !== undefined) yield* lookAtOpen(connection, options.openUids(), before);
      yield* lookFrom(connection, plan.firstUid, plan.lastUid);
      return;
  }
}

/** Looks at what is new from `firstUid` on; `lastUid` is the last that is known to have been given out. */
async function* lookFrom(connection: Connection, firstUid: number, lastUid: number): Looks {
  const { uidValidity } = connection.folder;
  if (lastUid - firstUid < directLookUids) {
    const { found, uids } = await connection.run((client) => lookSince(client, firstUid));
    yield { type: 'looked', found, gone: [], progress: { uidValidity, lastUid: Math.max(lastUid, uids.at(-1) ?? 0) } };
    return;
  }
  const chunks = await connection.run((client) => listUids(client, firstUid));
  yield* lookInChunks(connection, chunks, uidValidity);
  const last = Math.max(lastUid, chunks.at(-1)?.at(-1) ?? 0);
  yield { type: 'looked', found: [], gone: [], progress: { uidValidity, lastUid: last } };
}

/** Waits for news on an open and quiet connection, by IDLE or by asking now and then. Ends when something may be new. */
async function waitForNews(connection: Connection, options: MailboxOptions, news: Promise<void>): Promise<void> {
  const { times, runtime } = options;
  const waiting = new AbortController();
  const timer = runtime.sleep(connection.canIdle ? times.idleRestartMs : times.pollMs, waiting.signal).then(
    () => 'time is up' as const,
    () => 'stopped' as const,
  );
  // IDLE ends when any command is run; it is begun again as soon as that command has its answer.
  const idle = connection.canIdle ? connection.idle() : new Promise<never>(() => {});
  try {
    const end = await Promise.race([news, idle, timer]);
    if (end === 'time is up') await connection.run((client) => client.noop());
    // A server that ends IDLE by itself must not be asked for it again and again without a pause.
    if (end === 'ended by server') await runtime.sleep(times.retryFirstMs);
  } finally {
    waiting.abort();
  }
}

/** A promise that can be kept from outside, again and again: the server's "something changed". */
function createBell(): { ring: () => void; rung: () => Promise<void>; take: () => boolean } {
  let ringing = false;
  let wake: (() => void) | undefined;
  let promise: Promise<void> | undefined;
  return {
    ring: () => {
      ringing = true;
      wake?.();
    },
    rung: () => {
      if (ringing) return Promise.resolve();
      promise ??= new Promise((resolve) => {
        wake = resolve;
      });
      return promise;
    },
    take: () => {
      const was = ringing;
      ringing = false;
      wake = undefined;
      promise = undefined;
      return was;
    },
  };
}

async function* session(connection: Connection, options: MailboxOptions, signal: AbortSignal): Looks {
  const bell = createBell();
  connection.onNews(bell.ring);
  yield { type: 'connected', canIdle: connection.canIdle };
  yield* catchUp(connection, options);
  while (!signal.aborted) {
    if (connection.isClosed) throw lostError(connection.error);
    if (bell.take()) {
      const last = options.progress()?.lastUid ?? connection.folder.uidNext - 1;
      yield* lookFrom(connection, last + 1, last);
      continue;
    }
    const rung = bell.rung();
    const quiet = await Promise.race([connection.quiet().then(() => true), rung.then(() => false)]);
    if (quiet) await waitForNews(connection, options, rung);
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
  let current: Connection | undefined;

  async function* events(signal: AbortSignal): AsyncGenerator<MailboxEvent, void, void> {
    let attempt = 0;
    while (!signal.aborted) {
      let error: unknown;
      try {
        current = await openConnection(options.account, options.times, options.runtime, signal);
        for await (const event of session(current, options, signal)) {
          if (event.type === 'looked') attempt = 0;
          yield event;
        }
      } catch (cause) {
        error = cause;
      } finally {
        const closing = current;
        current = undefined;
        await closing?.close();
      }
      if (signal.aborted) return;
      const pause = retryMs(error, attempt, options);
      attempt += 1;
      yield { type: 'disconnected', error, retryMs: pause };
      await options.runtime.sleep(pause, signal).catch(() => {});
    }
  }

  function open(): Connection {
    if (current === undefined || current.isClosed) throw lostError(current?.error);
    return current;
  }

  return {
    events,
    fetch: async ({ uid, uidValidity }, maxBytes) => {
      const connection = open();
      if (uidValidity !== connection.folder.uidValidity) return { kind: 'gone' };
      return await connection.run((client) => fetchMail(client, uid, maxBytes));
    },
    remove: async (messages) => {
      const connection = open();
      const uids = messages.filter((m) => m.uidValidity === connection.folder.uidValidity).map(({ uid }) => uid);
      return await connection.run((client) => removeMessages(client, connection.removal, uids));
    },
  };
}
