import type { DeliveryEvent, Effect, Happening, Push, Trust, Verdict } from '../../src/distributor/delivery/index.js';
import { type ChannelState, initialChannelState, step } from '../../src/distributor/delivery/index.js';
import type { MessageRef } from '../../src/imap/index.js';

export const noon: number = Date.UTC(2026, 10, 2, 12);
export const minute = 60_000;
export const hour: number = 60 * minute;
const pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([1]) };
export const trust: Trust = { pin, next: undefined };

/** A message of the folder that all of them are in. */
export const at = (uid: number): MessageRef => ({ folder: 'INBOX', uidValidity: '7', uid });

/** A push of now with a TTL of an hour. */
export function pushOf(id: string, change: Partial<Push> = {}): Push {
  const times = { holdUntil: noon + hour - 5 * minute, liveUntil: noon + hour, rememberUntil: noon + 2 * hour };
  const label = { id, urgency: 'normal', topic: undefined, timestamp: noon / 1000, ...times } as const;
  return { ...label, payload: new Uint8Array([1]), signer: pin, ...change };
}

/** What opening a good push brings. */
export const deliverable = (id: string, change: Partial<Push> = {}): Verdict => ({
  kind: 'deliverable',
  push: pushOf(id, change),
  trust,
});

/** Effects by name and UID. */
export const short = (effects: readonly Effect[]): string[] =>
  effects.map(({ type, message }) => `${type} ${message.uid}`);

/** The state machine of a channel, asked event by event. */
export interface TestChannel {
  run(event: Happening, now?: number): readonly Effect[];
  /** Finds and opens a push in one go. */
  open(uid: number, verdict: Verdict, now?: number): readonly Effect[];
  readonly state: ChannelState;
  stage(uid: number): string | undefined;
}

/** A channel for which nothing has come yet. */
export function testChannel(known: Partial<ChannelState> = {}): TestChannel {
  let state: ChannelState = { ...initialChannelState({ trust, retired: false, keepRejected: false }), ...known };
  function run(event: Happening, now = noon): readonly Effect[] {
    const timely: DeliveryEvent = { ...event, now };
    const next = step(state, timely);
    state = next.state;
    return next.effects;
  }
  return {
    run,
    open: (uid, verdict, now = noon) => [
      ...run({ type: 'found', messages: [at(uid)] }, now),
      ...run({ type: 'opened', message: at(uid), verdict }, now),
    ],
    get state() {
      return state;
    },
    stage: (uid) => state.pushes.find(({ message }) => message.uid === uid)?.stage.name,
  };
}
