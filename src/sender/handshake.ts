import type { Log } from '../runtime.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const clockToleranceMs = 600_000;

/**
 * How long after its last handshake a channel gets the next one, by how many it has had. The first three pushes carry it,
 * because one may be lost on its way or expire before a device that was off sees it; then it comes ever more seldom, for a
 * channel that has still seen none. Until it has, its pushes wait in the mailbox.
 */
const pausesMs: readonly number[] = [0, 0, 0, hourMs, dayMs];
const longestPauseMs = 7 * dayMs;

/** What is remembered of one channel: plain JSON. */
export interface Handshake {
  /** How many pushes have carried the sender's key. */
  readonly sent: number;
  /** When the mail server took the last one of them, in milliseconds since 1970. */
  readonly lastAt: number;
}

/**
 * Where a sender remembers which channels have been sent its key. A `Map` is one for a single process; anything with the
 * same two methods, such as a table or a cache of several processes, may stand behind it. It may forget: then a push carries the key
 * once more, 0.6 kB, and nothing else happens. A failure of it is no failure of a push.
 */
export interface HandshakeMemory {
  readonly get: (key: string) => Handshake | null | undefined | Promise<Handshake | null | undefined>;
  readonly set: (key: string, handshake: Handshake) => unknown;
}

/** What the memory says about the next push to a channel. */
export interface NextHandshake {
  /** Whether it has to carry the sender's key. */
  readonly isDue: boolean;
  /** The mail server has taken it. Never rejects. */
  readonly sent: () => Promise<void>;
}

/** Asks the memory about the next push to a channel, once. Never rejects. */
export type FindHandshake = (channel: string, now: number) => Promise<NextHandshake>;

/** Whether a channel of which this is known gets the key again at `now`, in milliseconds since 1970. */
export function isHandshakeDue(known: Handshake | null | undefined, now: number): boolean {
  const { sent, lastAt } = known ?? {};
  if (!Number.isInteger(sent) || sent === undefined || sent < 0 || !Number.isFinite(lastAt) || lastAt === undefined) {
    return true;
  }
  // A clock that has been set back must not silence it; those of several senders differ by a little.
  return lastAt > now + clockToleranceMs || now - lastAt >= (pausesMs[sent] ?? longestPauseMs);
}

const always: NextHandshake = { isDue: true, sent: async () => {} };
const never: NextHandshake = { isDue: false, sent: async () => {} };

/**
 * Makes a {@link FindHandshake} of the sender whose key has this fingerprint: another key begins anew. Without a memory
 * every push carries the key; with `false` none does.
 */
export function createHandshakes(
  memory: HandshakeMemory | false | undefined,
  fingerprint: string,
  log: Log,
): FindHandshake {
  if (memory === undefined) return async () => always;
  if (memory === false) return async () => never;

  const recall = async (key: string): Promise<Handshake | null | undefined> => {
    try {
      return await memory.get(key);
    } catch (err) {
      log.warn({ err }, 'The memory of handshakes cannot be read: the push carries the key.');
      return undefined;
    }
  };

  const note = async (key: string, handshake: Handshake): Promise<void> => {
    try {
      await memory.set(key, handshake);
    } catch (err) {
      log.warn({ err }, 'The memory of handshakes cannot be written: the next push carries the key again.');
    }
  };

  return async (channel, now) => {
    const key = `${fingerprint}:${channel}`;
    const before = await recall(key);
    if (!isHandshakeDue(before, now)) return never;
    const count = Number.isInteger(before?.sent) && before !== null && before !== undefined ? before.sent + 1 : 1;
    return { isDue: true, sent: () => note(key, { sent: count, lastAt: now }) };
  };
}
