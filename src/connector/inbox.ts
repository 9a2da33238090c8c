import { BusError, errorNames } from '../dbus/index.js';

/** A message that waits for somebody, or is in somebody's hands. */
export interface HeldMessage {
  readonly id: string;
  readonly data: Uint8Array;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

interface Entry extends HeldMessage {
  /** The calls that are to be answered for this message: more than one when the distributor tried again meanwhile. */
  readonly waiters: Set<Waiter>;
}

interface Taker {
  resolve(message: HeldMessage | undefined): void;
  reject(error: unknown): void;
}

const maxQueued = 64;
/** Messages that were accepted when nobody waited for it any more, so that the next try is answered at once. */
const maxRemembered = 32;

/**
 * The messages of one registration, each kept by its distributor until it is accepted here:
 *
 * ```
 * offer → queued → take → held → accept    (the distributor's call is answered)
 *            ↑               └─→ putBack   (the loop was left: queued again, at the front)
 *            └───────────────────────┘
 * deadline: the call is answered with an error; a queued message is dropped, a held one stays in hand
 * ```
 */
export class Inbox {
  readonly #queued: Entry[] = [];
  readonly #held = new Set<Entry>();
  readonly #takers = new Set<Taker>();
  readonly #acceptedLate: HeldMessage[] = [];
  #state: 'open' | 'draining' | 'ended' = 'open';
  #failure: unknown;

  /** True when it holds nothing and nobody waits for anything. */
  get isEmpty(): boolean {
    return this.#queued.length === 0 && this.#held.size === 0;
  }

  /**
   * Resolves when the message has been accepted. Rejects with {@link BusError} for the distributor when it is not, in time or
   * at all. A message with an id that is here already, the same one, is not queued twice.
   *
   * @param acceptWithinMs - Infinity for a call whose answer nobody reads: to refuse it would be to lose the message.
   */
  offer(id: string, data: Uint8Array, acceptWithinMs: number): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(refusal(errorNames.failed, 'The registration has ended'));
    const isSame = (one: HeldMessage): boolean => id !== '' && one.id === id && Buffer.compare(one.data, data) === 0;
    if (this.#acceptedLate.some(isSame)) return Promise.resolve();
    const known = [...this.#held, ...this.#queued].find(isSame);
    if (known === undefined && this.#queued.length >= maxQueued) {
      return Promise.reject(refusal(errorNames.limitsExceeded, 'Too many messages wait'));
    }
    const entry = known ?? { id, data, waiters: new Set() };
    const answer = new Promise<void>((resolve, reject) => {
      const hasDeadline = Number.isFinite(acceptWithinMs);
      const timer = hasDeadline ? setTimeout(() => this.#expire(entry, waiter), acceptWithinMs) : undefined;
      const settled = (settle: () => void): void => {
        clearTimeout(timer);
        entry.waiters.delete(waiter);
        settle();
      };
      const waiter: Waiter = { resolve: () => settled(resolve), reject: (error) => settled(() => reject(error)) };
      entry.waiters.add(waiter);
    });
    if (known === undefined) {
      this.#queued.push(entry);
      this.#hand();
    }
    return answer;
  }

  /** The next message, when there is one; undefined when there will be none. */
  take(signal?: AbortSignal): Promise<HeldMessage | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => taker.reject(signal?.reason);
      const settled = (settle: () => void): void => {
        signal?.removeEventListener('abort', abort);
        this.#takers.delete(taker);
        settle();
      };
      const taker: Taker = {
        resolve: (message) => settled(() => resolve(message)),
        reject: (error) => settled(() => reject(error)),
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#takers.add(taker);
      this.#hand();
    });
  }

  /** The taken message has been dealt with; more than once is no harm. */
  accept(message: HeldMessage): void {
    const entry = this.#release(message);
    if (entry === undefined) return;
    if (entry.waiters.size === 0) this.#remember(entry);
    for (const waiter of [...entry.waiters]) waiter.resolve();
  }

  /** The taken message has not been dealt with: it is the next one again, unless it was accepted. */
  putBack(message: HeldMessage): void {
    const entry = this.#release(message);
    // Nobody waits for it any more, so the distributor will come again by itself.
    if (entry === undefined || entry.waiters.size === 0) return;
    this.#queued.unshift(entry);
    this.#hand();
  }

  /** Takes no more; what is here is still given out. */
  drain(): void {
    if (this.#state === 'open') this.#state = 'draining';
    this.#hand();
  }

  /** Gives out no more and refuses what is here; with an error, those who wait for a message get that. */
  end(failure?: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#failure = failure;
    const entries = [...this.#queued.splice(0), ...this.#held];
    this.#held.clear();
    for (const entry of entries) {
      for (const waiter of [...entry.waiters]) waiter.reject(refusal(errorNames.failed, 'The registration has ended'));
    }
    this.#hand();
  }

  #hand(): void {
    for (const taker of [...this.#takers]) {
      const entry = this.#queued.shift();
      if (entry !== undefined) {
        this.#held.add(entry);
        taker.resolve(entry);
      } else if (this.#failure !== undefined) taker.reject(this.#failure);
      else if (this.#state !== 'open') taker.resolve(undefined);
    }
  }

  #release(message: HeldMessage): Entry | undefined {
    const entry = [...this.#held].find((one) => one === message);
    if (entry !== undefined) this.#held.delete(entry);
    return entry;
  }

  #expire(entry: Entry, waiter: Waiter): void {
    waiter.reject(refusal(errorNames.timedOut, 'The app did not accept the message in time'));
    const index = this.#queued.indexOf(entry);
    if (index >= 0 && entry.waiters.size === 0) this.#queued.splice(index, 1);
  }

  #remember({ id, data }: HeldMessage): void {
    if (this.#acceptedLate.push({ id, data }) > maxRemembered) this.#acceptedLate.shift();
  }
}

function refusal(errorName: string, message: string): BusError {
  return new BusError('ERR_MESSAGE_REFUSED', message, { errorName, disposition: 'transient' });
}
