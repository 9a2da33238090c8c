import { MailpushError } from '../../errors.js';
import type { MessageRef } from '../../imap/index.js';
import type { Runtime } from '../../runtime.js';
import { nextDue } from './due.js';
import type { OpenedMail } from './judge.js';
import type { ChannelState, DeliveryEvent, Effect, Ending, Push, Verdict } from './state.js';
import { step } from './step.js';
import type { Trust } from './trust.js';

type WithoutNow<Event> = Event extends unknown ? Omit<Event, 'now'> : never;

/** An event whose time is now. */
export type Happening = WithoutNow<DeliveryEvent>;

/** The hands of a channel: everything that `step` can ask for. */
export interface CourierWork {
  /** Fetches and decrypts a mail; undefined when it is not there any more. Rejects when it could not be fetched. */
  open(message: MessageRef, trust: Trust): Promise<OpenedMail | undefined>;
  /** Judges what was opened; in the same breath as the verdict is taken in, so that no copy can be delivered between. */
  judge(mail: OpenedMail, message: MessageRef, state: ChannelState): Verdict;
  deliver(push: Push): Promise<keyof typeof answers>;
  record(ending: Ending): Promise<void>;
  remove(message: MessageRef): Promise<void>;
  /** The mail stays where it is and is of no interest any more. */
  leave(message: MessageRef, reason: string): void;
  /** Told of everything that happens, after it has been taken in. */
  happened(event: Happening, state: ChannelState): void;
  /** Told of errors behind `open failed`, `app unreachable`, `record failed` and `remove failed`. */
  failed(error: unknown): void;
}

/** Carries the pushes of one channel through their stages. */
export interface Courier {
  dispatch(event: Happening): void;
  readonly state: ChannelState;
  /** Begins nothing any more; resolves when what the app has been given is answered, and on disk if it was accepted. */
  close(): Promise<void>;
}

/** Timers are renewed after this time at the latest: a suspended machine or a changed clock delays nothing for long. */
const longestSleepMs = 5 * 60_000;

const answers = {
  accepted: 'accepted',
  refused: 'refused by app',
  unreachable: 'app unreachable',
  unwanted: 'unwanted',
} as const;

/** Whether the mail server answered, and said no. */
const isRefusal = (error: unknown): boolean => error instanceof MailpushError && error.code === 'ERR_IMAP_REFUSED';

/** Makes a courier: `step` decides, `work` does, and the answers come back as events. */
export function createCourier(initial: ChannelState, work: CourierWork, runtime: Runtime): Courier {
  let state = initial;
  let isClosing = false;
  let timer = new AbortController();
  /** Deliveries and records: what must not be cut off halfway, because the app would get it twice. */
  const underWay = new Set<Promise<void>>();

  function dispatch(event: Happening): void {
    const now = runtime.now();
    const next = step(state, { ...event, now });
    state = next.state;
    work.happened(event, state);
    for (const effect of next.effects) perform(effect);
    arm(now);
  }

  function arm(now: number): void {
    timer.abort();
    const due = nextDue(state, now);
    if (due === undefined || isClosing) return;
    timer = new AbortController();
    const ms = Math.min(longestSleepMs, due - now);
    runtime.sleep(ms, timer.signal).then(
      () => dispatch({ type: 'time passed' }),
      () => {},
    );
  }

  function perform(effect: Effect): void {
    // What the app has taken is written down even at the end.
    if (isClosing && effect.type !== 'record') return;
    switch (effect.type) {
      case 'open':
        return void open(effect.message);
      case 'deliver':
        return finish(deliver(effect.message, effect.push));
      case 'record':
        return finish(record(effect));
      case 'remove':
        return void remove(effect.message);
      case 'leave':
        return work.leave(effect.message, effect.reason);
    }
  }

  function finish(work: Promise<void>): void {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  }

  async function open(message: MessageRef): Promise<void> {
    let event: Happening;
    try {
      const mail = await work.open(message, state.trust);
      event =
        mail === undefined
          ? { type: 'gone', message }
          : { type: 'opened', message, verdict: work.judge(mail, message, state) };
    } catch (error) {
      work.failed(error);
      event = { type: 'open failed', message, refused: isRefusal(error) };
    }
    dispatch(event);
  }

  async function deliver(message: MessageRef, push: Push): Promise<void> {
    let event: Happening;
    try {
      event = { type: answers[await work.deliver(push)], message };
    } catch (error) {
      work.failed(error);
      event = { type: 'app unreachable', message };
    }
    dispatch(event);
  }

  async function record(ending: Ending): Promise<void> {
    const { message } = ending;
    let event: Happening = { type: 'recorded', message };
    try {
      await work.record(ending);
    } catch (error) {
      work.failed(error);
      event = { type: 'record failed', message };
    }
    dispatch(event);
  }

  async function remove(message: MessageRef): Promise<void> {
    let event: Happening = { type: 'removed', message };
    try {
      await work.remove(message);
    } catch (error) {
      work.failed(error);
      event = { type: 'remove failed', message, refused: isRefusal(error) };
    }
    dispatch(event);
  }

  return {
    dispatch,
    get state() {
      return state;
    },
    close: async () => {
      isClosing = true;
      timer.abort();
      while (underWay.size > 0) await Promise.race(underWay);
    },
  };
}
