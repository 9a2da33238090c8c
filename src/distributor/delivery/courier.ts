import type { MessageRef } from '../../imap/index.js';
import type { Runtime } from '../../runtime.js';
import type { OpenedMail } from './judge.js';
import { nextDue } from './schedule.js';
import type { ChannelState, DeliveryEvent, Effect, Outcome, Pin, Push, Verdict } from './state.js';
import { step } from './step.js';

type WithoutNow<Event> = Event extends unknown ? Omit<Event, 'now'> : never;

/** An event whose time is now. */
export type Happening = WithoutNow<DeliveryEvent>;

/** The hands of a channel: everything that `step` can ask for. */
export interface CourierWork {
  /** Fetches and decrypts a mail; undefined when it is not there any more. Rejects when it could not be fetched. */
  open(message: MessageRef, pin: Pin | undefined): Promise<OpenedMail | undefined>;
  /** Judges what was opened; in the same breath as the verdict is taken in, so that nothing can come between. */
  judge(mail: OpenedMail, state: ChannelState): Verdict;
  deliver(push: Push): Promise<'accepted' | 'refused' | 'unreachable'>;
  record(outcome: Outcome, pin: Pin | undefined): Promise<void>;
  remove(message: MessageRef): Promise<void>;
  /** The mail stays where it is and is of no interest any more. */
  leave(message: MessageRef, reason: string): void;
  /** Told of everything that happens, after it has been taken in. */
  happened(event: Happening, state: ChannelState): void;
  /** Told of errors behind `open failed`, `record failed` and `remove failed`. */
  failed(error: unknown): void;
}

/** Carries the pushes of one channel through their stages. */
export interface Courier {
  dispatch(event: Happening): void;
  readonly state: ChannelState;
  /** Takes nothing in any more and asks for nothing. */
  close(): void;
}

/** Timers are renewed after this time at the latest: a suspended machine or a changed clock delays nothing for long. */
const longestSleepMs = 60 * 60_000;

/** Makes a courier: `step` decides, `work` does, and the answers come back as events. */
export function createCourier(initial: ChannelState, work: CourierWork, runtime: Runtime): Courier {
  let state = initial;
  let closed = false;
  let timer = new AbortController();

  function dispatch(event: Happening): void {
    if (closed) return;
    const now = runtime.now();
    const next = step(state, { ...event, now });
    state = next.state;
    work.happened(event, state);
    for (const effect of next.effects) void perform(effect);
    arm(now);
  }

  function arm(now: number): void {
    timer.abort();
    const due = nextDue(state, now);
    if (due === undefined) return;
    timer = new AbortController();
    const ms = Math.min(longestSleepMs, due - now);
    runtime.sleep(ms, timer.signal).then(
      () => dispatch({ type: 'time passed' }),
      () => {},
    );
  }

  async function perform(effect: Effect): Promise<void> {
    switch (effect.type) {
      case 'open':
        return await open(effect.message);
      case 'deliver':
        return await deliver(effect.message, effect.push);
      case 'record':
        return await settle(effect.message, () => work.record(effect.outcome, effect.pin), 'recorded', 'record failed');
      case 'remove':
        return await settle(effect.message, () => work.remove(effect.message), 'removed', 'remove failed');
      case 'leave':
        work.leave(effect.message, effect.reason);
    }
  }

  async function open(message: MessageRef): Promise<void> {
    try {
      const mail = await work.open(message, state.pin);
      if (mail === undefined) dispatch({ type: 'gone', message });
      else dispatch({ type: 'opened', message, verdict: work.judge(mail, state) });
    } catch (error) {
      work.failed(error);
      dispatch({ type: 'open failed', message });
    }
  }

  async function deliver(message: MessageRef, push: Push): Promise<void> {
    switch (await work.deliver(push)) {
      case 'accepted':
        return dispatch({ type: 'accepted', message });
      case 'refused':
        return dispatch({ type: 'refused by app', message });
      case 'unreachable':
        return dispatch({ type: 'app unreachable', message });
    }
  }

  async function settle(
    message: MessageRef,
    act: () => Promise<void>,
    done: 'recorded' | 'removed',
    notDone: 'record failed' | 'remove failed',
  ): Promise<void> {
    try {
      await act();
    } catch (error) {
      work.failed(error);
      return dispatch({ type: notDone, message });
    }
    dispatch({ type: done, message });
  }

  return {
    dispatch,
    get state() {
      return state;
    },
    close: () => {
      closed = true;
      timer.abort();
    },
  };
}
