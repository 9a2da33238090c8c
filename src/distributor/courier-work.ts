import { type PeerState, updatePeerState } from '../crypto/index.js';
import { ImapError, type Mailbox } from '../imap/index.js';
import { limits } from '../notify-spec/index.js';
import type { Runtime } from '../runtime.js';
import type { AppAddress, Apps } from './apps/index.js';
import type { Channels } from './channels.js';
import {
  type CourierWork,
  isLater,
  judge,
  type OpenedMail,
  type Push,
  sameTrust,
  type TopicMark,
  type Trust,
} from './delivery/index.js';
import type { Folders } from './folders.js';
import type { GrantOutcome, Grants } from './grants.js';
import { journal, journalEnd, shortChannel } from './journal.js';
import type { Misfiled } from './misfiled.js';
import { openMail } from './open-mail.js';
import type { Removals } from './removals.js';
import { type Registration, type Store, trustOf } from './store/index.js';
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
  readonly grants: Grants;
  readonly tally: Pick<Tally, 'happened' | 'ended'>;
  readonly runtime: Runtime;
}

function sameKey(a: PeerState, b: PeerState | undefined): boolean {
  const [one, other] = [a.header?.keydata, b?.header?.keydata];
  return one === other || (one !== undefined && other !== undefined && Buffer.compare(one, other) === 0);
}

const answerOf = { accepted: 'accepted', unwanted: 'unwanted', unavailable: 'unreachable' } as const satisfies Record<
  GrantOutcome,
  string
>;

/** Makes the hands of one channel. */
export function createCourierWork(channel: string, options: WorkOptions): CourierWork {
  const { mailbox, removals, folders, misfiled, channels, store, apps, grants, tally, runtime } = options;

  function registration(): Registration {
    const known = channels.get(channel);
    if (known === undefined) throw new Error('This channel is forgotten.');
    return known;
  }

  /** An app may speak another version by now than when it got a channel that drains. */
  function appOf(known: Registration): AppAddress {
    const current = known.replacedAt === null ? known : channels.withToken(known.token);
    return current?.service === known.service ? current : known;
  }

  async function deliver(push: Push): ReturnType<CourierWork['deliver']> {
    const known = registration();
    if (known.purpose === 'app') return await apps.message(appOf(known), push);
    const { payload, signer } = push;
    return answerOf[await grants.take({ registration: known, payload, signer })];
  }

  /** A push that its app has had all the time while a later one of its topic ended is no more the latest. */
  function latest(mark: TopicMark | undefined): TopicMark | undefined {
    const last = mark && store.lastOfTopic(channel, mark.topic);
    return mark !== undefined && last !== undefined && isLater(last, mark) ? undefined : mark;
  }

  /** What becomes of grants is nothing that a user has to know. */
  const isCounted = channels.get(channel)?.purpose !== 'grant';
  /** Whether what is known of the sender is not on disk yet. */
  let isBehind = false;

  /** What is known of the sender, into memory at once, so that a registration that is written meanwhile has it too. */
  function learned(trust: Trust): Registration | undefined {
    const known = channels.get(channel);
    if (known === undefined || sameTrust(trustOf(known), trust)) return known;
    const next = { ...known, pin: trust.pin ?? null, next: trust.next ?? null };
    channels.put(next);
    isBehind = true;
    return next;
  }

  /** A handshake counts for later pushes too, as far as it came with a push that was made for this channel. */
  function meet(mail: OpenedMail): void {
    const known = channels.get(channel);
    if (known === undefined || mail.kind !== 'opened' || mail.inside.kind !== 'entity') return;
    const { channel: named, timestamp } = mail.inside.push;
    if (named !== channel) return;
    const before = known.peer ?? undefined;
    const peer = updatePeerState(before, { ...mail.handshake, date: timestamp * 1000 }, runtime.now());
    if (peer === undefined || peer === before) return;
    isBehind ||= !sameKey(peer, before);
    channels.put({ ...known, peer });
  }

  return {
    open: async (message, { pin }) => {
      const mail = await mailbox.fetch(message, limits.mailBytes + 1);
      if (mail.kind === 'gone') return undefined;
      const { peer } = registration();
      const offered = peer?.header;
      const key = await channels.key(registration());
      return await openMail(mail.bytes, { key, pin, offered, now: runtime.now() });
    },
    judge: (mail, message, { trust, retired }) => {
      meet(mail);
      const { address, sender, purpose } = registration();
      const wasDelivered = (id: string): boolean => store.wasDelivered(channel, id);
      const lastOfTopic = (topic: string): TopicMark | undefined => store.lastOfTopic(channel, topic);
      const named = sender ?? undefined;
      const known = { channel, purpose, address, trust, sender: named, retired, wasDelivered, lastOfTopic };
      return judge(mail, { ...known, message, now: runtime.now() });
    },
    deliver,
    record: async ({ message, outcome, mark, trust }) => {
      const known = learned(trust);
      const registration = isBehind ? known : undefined;
      isBehind = false;
      try {
        await store.record({ channel, outcome, mark: latest(mark), registration });
        journalEnd(runtime.log, channel, message, outcome);
        if (isCounted) tally.ended(channel, outcome);
      } catch (error) {
        // The next record has to bring it there.
        isBehind ||= registration !== undefined;
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
      if (isCounted) tally.happened(channel, event);
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
