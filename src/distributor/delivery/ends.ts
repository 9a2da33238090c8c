import { urgencies } from '../../notify-spec/index.js';
import { settled } from './draft.js';
import type { ChannelState, OpenPush, PushLabel, Stage } from './state.js';
import { markOf } from './topics.js';

type Known = Pick<ChannelState, 'retired' | 'minimum'>;

/** Whether the device is not to be told of it yet (RFC 8030 §5.3). */
function isTooEarly({ urgency, holdUntil }: PushLabel, { minimum }: Known, now: number): boolean {
  return urgencies.indexOf(urgency) < urgencies.indexOf(minimum) && now < holdUntil;
}

/** The stage of a push after what happens by itself: with its registration, with its time, with the state of the device. */
export function end({ stage, message }: OpenPush, known: Known, now: number): Stage {
  switch (stage.name) {
    case 'waiting for key':
    case 'early':
      if (known.retired) return settled({ kind: 'retired' }, now);
      if (stage.until <= now) return settled({ kind: 'expired' }, now);
      return stage.name === 'early' && stage.notBefore <= now ? { name: 'found', retryAt: now } : stage;
    case 'held':
    case 'parked':
    case 'deliverable': {
      const label = stage.name === 'deliverable' ? stage.push : stage.label;
      if (known.retired) return settled({ kind: 'retired' }, now);
      if (label.liveUntil <= now) return settled({ kind: 'expired' }, now, markOf(label, message));
      return whileLive(stage, known, now);
    }
    case 'found':
    case 'opening':
    case 'delivering':
    case 'settled':
    case 'recorded':
      return stage;
  }
}

type Live = Extract<Stage, { name: 'held' | 'parked' | 'deliverable' }>;

function whileLive(stage: Live, known: Known, now: number): Stage {
  switch (stage.name) {
    case 'held':
      return isTooEarly(stage.label, known, now) ? stage : { name: 'found', retryAt: now };
    case 'parked':
      return stage.retryAt <= now ? { name: 'found', retryAt: now } : stage;
    case 'deliverable': {
      if (!isTooEarly(stage.push, known, now)) return stage;
      const { payload: _, signer: __, ...label } = stage.push;
      return { name: 'held', label };
    }
  }
}
