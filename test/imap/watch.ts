import { onTestFinished } from 'vitest';
import {
  createMailbox,
  defaultTimes,
  type ImapAccount,
  type ImapTimes,
  type Mailbox,
  type MailboxEvent,
  type Progress,
} from '../../src/imap/index.js';
import { createRuntime } from '../../src/runtime.js';
import type { ManualTime } from '../tools/manual-time.js';

/** The event of one type. */
export type EventOf<Type extends MailboxEvent['type']> = Extract<MailboxEvent, { type: Type }>;

/** Takes in what happens in a mailbox as the distributor does, and lets a test wait for it. */
export interface Watch {
  readonly mailbox: Mailbox;
  /** Everything so far. */
  readonly events: readonly MailboxEvent[];
  /** The next event of this type that was not waited for yet; those before it are passed over. */
  next<Type extends MailboxEvent['type']>(type: Type): Promise<EventOf<Type>>;
  /** The next look that found something. */
  found(): Promise<EventOf<'looked'>>;
  /** Of the main folder, unless another is named. */
  progress(folder?: string): Progress | undefined;
  /** UIDs in the main folder that were found and are not gone. */
  readonly open: Set<number>;
  /** The same of any folder. */
  openIn(folder: string): Set<number>;
  /** Aborts, and resolves when the events have ended; time stands still meanwhile if it is manual. */
  abort(): Promise<void>;
  /** Aborts, and resolves when the events have ended; manual time goes on meanwhile. */
  stop(): Promise<void>;
}

/** What a watch is started with. */
export interface WatchOptions {
  /** Default: the test user, in plain text. */
  readonly account?: Partial<ImapAccount>;
  readonly times?: Partial<ImapTimes>;
  /** Default: the real one. */
  readonly time?: ManualTime;
  /** How far an earlier watch had come. Default: nothing is known. */
  readonly progress?: Progress | undefined;
  readonly open?: Iterable<number>;
  /** The same of other folders. Default: they were never looked at, and nothing that is in them is of interest. */
  readonly others?: Readonly<Record<string, Progress>>;
}

/** Connects again at once. */
export const quickly: Partial<ImapTimes> = { retryFirstMs: 1, retryMaxMs: 20, refusedMaxMs: 20, loginsPerMinute: 1000 };

/** Looks at no folder beside the main one, unless a test says otherwise. */
const straight: Partial<ImapTimes> = { junkLookMs: Number.POSITIVE_INFINITY, inboxLookMs: Number.POSITIVE_INFINITY };

/** Watches the INBOX; ends with the running test at the latest. */
export function watch(
  server: { readonly host: string; readonly port: number; readonly user?: string; readonly password?: string },
  options: WatchOptions = {},
): Watch {
  const { host, port, user = 'alice@example.org', password = 'correct horse' } = server;
  const account: ImapAccount = {
    host,
    port,
    security: 'plain',
    user,
    credentials: async () => ({ kind: 'password', password }),
    folder: 'INBOX',
    ...options.account,
  };
  const progress = new Map<string, Progress>(Object.entries(options.others ?? {}));
  if (options.progress !== undefined) progress.set(account.folder, options.progress);
  const open = new Map<string, Set<number>>([[account.folder, new Set(options.open)]]);
  const openIn = (folder: string): Set<number> => {
    const uids = open.get(folder) ?? new Set();
    open.set(folder, uids);
    return uids;
  };
  const mailbox = createMailbox({
    account,
    times: { ...defaultTimes, ...quickly, ...straight, ...options.times },
    runtime: options.time?.runtime ?? createRuntime(),
    progress: (folder) => progress.get(folder),
    openUids: (folder) => [...openIn(folder)],
  });
  const events: MailboxEvent[] = [];
  const stopping = new AbortController();
  let passed = 0;
  let wake = (): void => {};
  const ended = (async () => {
    for await (const event of mailbox.events(stopping.signal)) {
      if (event.type === 'renumbered') openIn(event.folder).clear();
      if (event.type === 'looked') {
        progress.set(event.folder, event.progress);
        for (const { uid } of event.found) openIn(event.folder).add(uid);
        for (const uid of event.gone) openIn(event.folder).delete(uid);
      }
      events.push(event);
      wake();
    }
  })();
  const abort = async (): Promise<void> => {
    stopping.abort();
    await ended;
  };
  const stop = async (): Promise<void> => {
    const tick = setInterval(() => options.time?.pass(100), 1);
    await abort();
    clearInterval(tick);
  };
  onTestFinished(stop);

  async function nextThat(fits: (event: MailboxEvent) => boolean): Promise<MailboxEvent> {
    for (;;) {
      const event = events[passed];
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      passed += 1;
      if (fits(event)) return event;
    }
  }

  return {
    mailbox,
    events,
    next: async (type) => (await nextThat((event) => event.type === type)) as EventOf<typeof type>,
    found: async () =>
      (await nextThat((event) => event.type === 'looked' && event.found.length > 0)) as EventOf<'looked'>,
    progress: (folder = account.folder) => progress.get(folder),
    open: openIn(account.folder),
    openIn,
    abort,
    stop,
  };
}
