import { compareMessages, type MessageRef } from '../../imap/index.js';
import type { OpenPush, PushLabel, TopicMark } from './state.js';

/** Where a push stands among those of its topic; undefined when it has none. */
export function markOf({ topic, timestamp }: PushLabel, message: MessageRef): TopicMark | undefined {
  return topic === undefined ? undefined : { topic, timestamp, message };
}

/**
 * Whether `a` replaces `b`, which has the same topic: sent later, or in the same second and further back in the mailbox.
 * UIDs of before and after a renumbering cannot be compared; in doubt both are delivered.
 */
export function isLater(a: TopicMark, b: TopicMark): boolean {
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  const isComparable = a.message.folder !== b.message.folder || a.message.uidValidity === b.message.uidValidity;
  return isComparable && compareMessages(a.message, b.message) > 0;
}

/** The topic of a push that is open and has been verified. One that is about to be opened anew has to be verified again. */
function openMark({ stage, message }: OpenPush): TopicMark | undefined {
  switch (stage.name) {
    case 'deliverable':
    case 'delivering':
      return markOf(stage.push, message);
    case 'held':
    case 'parked':
      return markOf(stage.label, message);
    case 'settled':
      return stage.mark;
    case 'found':
    case 'opening':
    case 'waiting for key':
    case 'early':
    case 'recorded':
      return undefined;
  }
}

/**
 * Finds the pushes that are not to be delivered any more because a later one of their topic is open as well (RFC 8030 §5.4).
 * One that its app is just being given is not among them.
 */
export function superseded(pushes: readonly OpenPush[]): ReadonlySet<OpenPush> {
  const latest = new Map<string, TopicMark>();
  const marks = pushes.flatMap((push) => {
    const mark = openMark(push);
    return mark === undefined ? [] : [{ push, mark }];
  });
  for (const { mark } of marks) {
    const known = latest.get(mark.topic);
    if (known === undefined || isLater(mark, known)) latest.set(mark.topic, mark);
  }
  const found = marks.filter(({ push, mark }) => {
    const { name } = push.stage;
    const last = latest.get(mark.topic);
    return name !== 'delivering' && name !== 'settled' && last !== undefined && isLater(last, mark);
  });
  return new Set(found.map(({ push }) => push));
}
