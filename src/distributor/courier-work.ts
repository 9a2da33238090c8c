import { ImapError, type Mailbox } from '../imap/index.js';
import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { Apps } from './apps/index.js';
import type { Channels } from './channels.js';
import { type CourierWork, isLater, judge, type Pin, type TopicMark } from './delivery/index.js';
import type { Folders } from './folders.js';
import { journal, journalEnd, shortChannel } from './journal.js';
import type { Misfiled } from './misfiled.js';
import { openMail } from './open-mail.js';
import type { Removals } from './removals.js';
import type { Registration, Store } from './store/index.js';
import type { Tally } from './tally.js';

/** Everything that couriers work with. */
export interface WorkOptions {
  readonly mailbox: Pick<Mailbox, 'fetch'>;
  readonly removals: Removals;
  readonly folders: Folders;
  readonly misfiled: Pick<Misfiled, 'opened'>;
  readonly channels: Channels;
  readonly store: Pick<Store, 'record' | 'wasDelivered' | 'lastOfTopic'>;
  readonly apps: Pick<Apps, 'message'>;
  readonly tally: Pick<Tally, 'happened' | 'ended'>;
  readonly runtime: Runtime;
}

/** The registration with this pin; undefined when it has it already. */
function withPin(known: Registration | undefined, pin: Pin | undefined): Registration | undefined {
  if (known === undefined || pin === undefined || known.pin?.fingerprint === pin.fingerprint) return undefined;
  return { ...known, pin };
}

/** Makes the hands of one channel. */
export function createCourierWork(channel: string, options: WorkOptions): CourierWork {
  const { mailbox, removals, folders, misfiled, channels, store, apps, tally, runtime } = options;

  function registration(): Registration {
    const known = channels.get(channel);
    if (known === undefined) throw new Error('This channel is forgotten.');
    return known;
  }

  /** A push that its app has had all the time while a later one of its topic ended is no more the latest. */
  function latest(mark: TopicMark | undefined): TopicMark | undefined {
    const last = mark && store.lastOfTopic(channel, mark.topic);
    return mark !== undefined && last !== undefined && isLater(last, mark) ? undefined : mark;
  }

  return {
    open: async (message, pin) => {
      const mail = await mailbox.fetch(message, limits.mailBytes + 1);
      if (mail.kind === 'gone') return undefined;
      return await openMail(mail.bytes, { key: await channels.key(registration()), pin, now: runtime.now() });
    },
    judge: (mail, message, { pin, retired }) => {
      const { address, sender } = registration();
      const wasDelivered = (id: string): boolean => store.wasDelivered(channel, id);
      const lastOfTopic = (topic: string): TopicMark | undefined => store.lastOfTopic(channel, topic);
      const known = { channel, address, pin, sender: sender ?? undefined, retired, wasDelivered, lastOfTopic };
      return judge(mail, { ...known, message, now: runtime.now() });
    },
    deliver: async (push) => await apps.message(registration(), push),
    record: async ({ message, outcome, mark, pin }) => {
      const before = channels.get(channel);
      const changed = withPin(before, pin);
      // In memory at once, so that a registration that is written meanwhile has the pin too.
      if (changed !== undefined) channels.put(changed);
      try {
        await store.record({ channel, outcome, mark: latest(mark), registration: changed });
        journalEnd(runtime.log, channel, message, outcome);
        tally.ended(channel, outcome);
      } catch (error) {
        const known = channels.get(channel);
        // Not on disk: the next record has to bring it there.
        if (changed !== undefined && known !== undefined) channels.put({ ...known, pin: before?.pin ?? null });
        throw error;
      }
    },
    remove: async (message) => {
      await removals.remove(message);
      folders.of(message.folder).letGo(message);
    },
    leave: (message, reason) => {
      runtime.log.info(
        { event: 'push.left', channel: shortChannel(channel), uid: message.uid, reason },
        'A mail stays in the mailbox.',
      );
      folders.of(message.folder).letGo(message);
    },
    happened: (event, state) => {
      tally.happened(channel, event);
      if (event.type === 'opened' && event.verdict.kind !== 'unreadable') misfiled.opened(event.message);
      journal(runtime.log, channel, event, state);
    },
    failed: (err) => {
      const facts = { event: 'push.failed', channel: shortChannel(channel), err };
      // The state of the mail server is told elsewhere.
      if (err instanceof ImapError) runtime.log.debug(facts, 'It is tried again.');
      else runtime.log.error(facts, 'A push could not be worked on: it is tried again.');
    },
  };
}
