import { MailpushError } from '../errors.js';
import type { MailboxEvent } from '../imap/index.js';
import type { Runtime } from '../runtime.js';

/** Something that is wrong now. */
export interface Trouble {
  /** What it concerns: `store`, `line`, `quota`, `announcements`, `folder`, `filing`, `removal`, `spam`, `gateway`, `device`, `management`, `app:` and a bus name. */
  readonly source: string;
  /** One sentence: what is wrong, and what to do. */
  readonly sentence: string;
  /** Since when this source has had any trouble, in ms since 1970. */
  readonly since: number;
}

/** How the line to the mail server is. Times are in ms since 1970. */
export type LineState =
  | { readonly state: 'connected'; readonly since: number; readonly canIdle: boolean }
  /** Not connected since `since`, and just being tried. */
  | { readonly state: 'connecting'; readonly since: number }
  /** Not connected since `since`, and tried again at `retryAt`. */
  | { readonly state: 'waiting'; readonly since: number; readonly retryAt: number };

/** The one place that knows what is wrong, for `mailpush status`. */
export interface Health {
  /**
   * Says what is wrong at a source, in one sentence with what to do; `undefined`: nothing any more. May be called again
   * and again with the same. The sentence is shown to the user alone and not logged, but holds no token and no endpoint.
   */
  trouble(source: string, sentence: string | undefined): void;
  /** Takes in what happens in the mailbox: the state of the line, and the troubles `line`, `quota` and `announcements`. */
  mailbox(event: MailboxEvent): void;
  /** All that is wrong, the worst first. */
  troubles(): readonly Trouble[];
  /** The line as it is now. */
  line(): LineState;
}

/** The sources of trouble (docs/management.md), from the worst on: what costs the most pushes. Any other comes last. */
export const troubleSources: readonly string[] = [
  'store',
  'line',
  'quota',
  'announcements',
  'folder',
  'filing',
  'removal',
  'spam',
  'gateway',
  'app',
  'device',
  'management',
];

const unannounced =
  'The mail server does not announce new mail although it says that it can (IDLE): it is asked every minute or oftener, and if pushes are too late so, use another mail server or ask who runs it.';

const full =
  'The mailbox is full, so that the mail server takes no more push mail: delete mail, empty the trash, or get more room.';

/** Beyond that the least and latest is dropped: nobody reads more, and apps must not fill memory. */
const maxTroubles = 100;
const maxSentenceChars = 500;

function severityOf({ source }: Trouble): number {
  const index = troubleSources.indexOf(source.split(':')[0] ?? '');
  return index < 0 ? troubleSources.length : index;
}

const worstFirst = (a: Trouble, b: Trouble): number => severityOf(a) - severityOf(b) || a.since - b.since;

function sentenceOf(error: unknown): string {
  if (error instanceof MailpushError) return error.message;
  return 'The mail server cannot be used for a reason unforeseen: look at the log of the daemon.';
}

/** Makes it, with nothing wrong and the line about to be made. */
export function createHealth({ now }: Pick<Runtime, 'now'>): Health {
  const troubles = new Map<string, Trouble>();
  let line: LineState = { state: 'connecting', since: now() };

  const sorted = (): Trouble[] => [...troubles.values()].sort(worstFirst);

  function trouble(source: string, sentence: string | undefined): void {
    if (sentence === undefined) {
      troubles.delete(source);
      return;
    }
    const since = troubles.get(source)?.since ?? now();
    troubles.set(source, { source, sentence: sentence.slice(0, maxSentenceChars), since });
    if (troubles.size > maxTroubles) troubles.delete(sorted().at(-1)?.source ?? '');
  }

  return {
    trouble,
    mailbox: (event) => {
      if (event.type === 'connected') {
        line = { state: 'connected', since: now(), canIdle: event.canIdle };
        trouble('line', undefined);
      } else if (event.type === 'disconnected') {
        const since = line.state === 'connected' ? now() : line.since;
        line = { state: 'waiting', since, retryAt: now() + event.retryMs };
        trouble('line', sentenceOf(event.error));
      } else if (event.type === 'announcements') {
        trouble('announcements', event.reliable ? undefined : unannounced);
      } else if (event.type === 'room') {
        trouble('quota', event.isFull ? full : undefined);
      }
    },
    troubles: sorted,
    line: () => (line.state === 'waiting' && line.retryAt <= now() ? { state: 'connecting', since: line.since } : line),
  };
}
