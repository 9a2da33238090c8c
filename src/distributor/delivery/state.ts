import type { MessageRef } from '../../imap/index.js';
import type { Urgency } from '../../notify-spec/index.js';
import type { Pin, Trust } from './trust.js';

/** What a push says about itself apart from its payload. */
export interface PushLabel {
  /** Chosen by the sender, unique per channel; the app sees it as the message id. */
  readonly id: string;
  readonly urgency: Urgency;
  /** Of pushes with the same topic only the latest matters (RFC 8030 §5.4). */
  readonly topic: string | undefined;
  /** When it was sent, in seconds since 1970. */
  readonly timestamp: number;
  /** Delivered from then on whatever its urgency, because its TTL ends soon, in ms since 1970. */
  readonly holdUntil: number;
  /** Given up when it has not been delivered by then, in ms since 1970. */
  readonly liveUntil: number;
  /** Its id is kept until then, so that a copy that turns up later is not delivered again. */
  readonly rememberUntil: number;
}

/** A push that has been decrypted, verified and found to be for its channel's app. */
export interface Push extends PushLabel {
  readonly payload: Uint8Array;
  /** Whose signature it has. */
  readonly signer: Pin;
}

/** The latest push of a topic that was delivered, or that lived out its time: none before it is delivered any more. */
export interface TopicMark {
  readonly topic: string;
  /** In seconds since 1970. */
  readonly timestamp: number;
  /** Decides between those of one second. */
  readonly message: MessageRef;
}

/** Why a push that decrypted with our key does not reach its app. */
export type Discard =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'duplicate' }
  /** There is a later push of its topic. */
  | { readonly kind: 'superseded' }
  /** Its registration has ended. */
  | { readonly kind: 'retired' };

/** How a push ended, to be written down before its mail is removed. */
export type Outcome = { readonly kind: 'delivered'; readonly id: string; readonly rememberUntil: number } | Discard;

/** What opening a mail brought, judged against what is known of the channel. See `judge`. */
export type Verdict =
  | { readonly kind: 'deliverable'; readonly push: Push; readonly trust: Trust }
  /** Signed by a key that is not known yet: waits for the sender's handshake. */
  | { readonly kind: 'waiting for key'; readonly until: number }
  /** Dated later than now, so one of the clocks is wrong: it is judged when its time has come. */
  | { readonly kind: 'early'; readonly notBefore: number; readonly until: number }
  /** It did not decrypt with the channel's key: nobody's business but the user's. Left untouched for ever. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  /** When its signature holds, with its label, so that those which it replaced do not come back, and with whom it lets push. */
  | { readonly kind: 'expired'; readonly known: { readonly label: PushLabel; readonly trust: Trust } | undefined }
  | Exclude<Discard, { kind: 'expired' }>;

/** Where a push stands. The transitions are drawn in `step`. Only `deliverable` and `delivering` hold a payload. */
export type Stage =
  | { readonly name: 'found'; readonly retryAt: number }
  | { readonly name: 'opening' }
  | { readonly name: 'waiting for key'; readonly until: number }
  /** Dated later than now: opened anew at `notBefore`. */
  | { readonly name: 'early'; readonly notBefore: number; readonly until: number }
  | { readonly name: 'deliverable'; readonly push: Push; readonly retryAt: number }
  | { readonly name: 'delivering'; readonly push: Push }
  /** Less urgent than the device asks for: opened anew when it asks for less, or its TTL ends soon. */
  | { readonly name: 'held'; readonly label: PushLabel }
  /** Its app refused it again and again: opened and tried anew at `retryAt`. */
  | { readonly name: 'parked'; readonly label: PushLabel; readonly retryAt: number }
  /** Its app has it, or it is not to have it; that is not on disk yet. */
  | {
      readonly name: 'settled';
      readonly outcome: Outcome;
      readonly mark: TopicMark | undefined;
      readonly retryAt: number;
      readonly recording: boolean;
    }
  /** On disk; only the mail is left to be removed. */
  | { readonly name: 'recorded'; readonly outcome: Outcome; readonly retryAt: number; readonly removing: boolean };

/** One push mail of ours that is in the mailbox and has had its turn to be opened. */
export interface OpenPush {
  readonly message: MessageRef;
  /** How often the app refused it. */
  readonly refusals: number;
  /** How often in a row the mail server said no to what is to be done with it: to open it, later on to remove it. */
  readonly failures: number;
  readonly stage: Stage;
}

/** One push too many to be kept aside with the others: back in the mailbox as if unopened, and opened anew at `retryAt`. */
export interface Postponed {
  readonly message: MessageRef;
  /** The stage that it would be in. */
  readonly stage: AsideName;
  readonly retryAt: number;
}

/** The stages of a push that has stepped aside: it blocks nothing. */
export type AsideName = 'waiting for key' | 'early' | 'held' | 'parked';

/** Everything that decides what happens to the pushes of one channel. */
export interface ChannelState {
  readonly trust: Trust;
  /** The registration has ended: nothing more is delivered. */
  readonly retired: boolean;
  /** Refused pushes stay in the mailbox (`keep_rejected`). */
  readonly keepRejected: boolean;
  /** The state of the device asks for this urgency at least; what is less urgent is held. */
  readonly minimum: Urgency;
  /** Since when the app is not reached, in how many tries in a row, and when the next one is due. */
  readonly unreachable: { readonly since: number; readonly attempts: number; readonly retryAt: number } | undefined;
  /** Mails that were found and have not had their turn yet, in mailbox order: there may be a hundred thousand of them. */
  readonly backlog: readonly MessageRef[];
  /** Those that have had it, in mailbox order. */
  readonly pushes: readonly OpenPush[];
  /** Those that have had it and have to wait without being kept in mind, the next one due first. */
  readonly postponed: readonly Postponed[];
  /** The last message of the batch that is opened as a whole before the first of it is delivered. */
  readonly batchEnd: MessageRef | undefined;
  /** What is left of `pushLimit`, as `allowance` counts it: only what the app has accepted is taken from it. */
  readonly pushesFullAt: number;
  /** What is left of `vainLimit`: mails that did not decrypt, or were refused. */
  readonly vainFullAt: number;
  /**
   * Too much was opened in vain. Until there is some allowance again and nothing to be opened, it is opened slowly, from both ends of
   * the mailbox in turn, and what turns out to be good is delivered without waiting for what is before it: behind a flood of
   * mails that do not decrypt a good push would wait for days. This is the end to be opened next.
   */
  readonly besieged: 'oldest' | 'newest' | undefined;
}

/** A channel nothing has come for yet. */
export function initialChannelState(
  known: Pick<ChannelState, 'trust' | 'retired' | 'keepRejected'> & Partial<Pick<ChannelState, 'minimum'>>,
): ChannelState {
  return {
    minimum: 'very-low',
    ...known,
    unreachable: undefined,
    backlog: [],
    pushes: [],
    postponed: [],
    batchEnd: undefined,
    pushesFullAt: 0,
    vainFullAt: 0,
    besieged: undefined,
  };
}

/** What can happen to a channel. `now` is in ms since 1970. */
export type DeliveryEvent = { readonly now: number } & (
  | { readonly type: 'found'; readonly messages: readonly MessageRef[] }
  | { readonly type: 'gone'; readonly message: MessageRef }
  /** The server numbers the messages of a folder anew: whatever is open in it will be found again under another UID. */
  | { readonly type: 'renumbered'; readonly folder: string }
  | { readonly type: 'opened'; readonly message: MessageRef; readonly verdict: Verdict }
  /** The mail could not be fetched this time; `refused`: because the mail server said no. */
  | { readonly type: 'open failed'; readonly message: MessageRef; readonly refused: boolean }
  | { readonly type: 'accepted'; readonly message: MessageRef }
  | { readonly type: 'refused by app'; readonly message: MessageRef }
  | { readonly type: 'app unreachable'; readonly message: MessageRef }
  /** Whoever was given it does not want it, now or ever. */
  | { readonly type: 'unwanted'; readonly message: MessageRef }
  | { readonly type: 'app appeared' }
  | { readonly type: 'recorded'; readonly message: MessageRef }
  | { readonly type: 'record failed'; readonly message: MessageRef }
  | { readonly type: 'removed'; readonly message: MessageRef }
  | { readonly type: 'remove failed'; readonly message: MessageRef; readonly refused: boolean }
  | { readonly type: 'retired' }
  /** The user has said who may push. */
  | { readonly type: 'trust changed'; readonly trust: Trust }
  /** The state of the device asks for another urgency than before. */
  | { readonly type: 'minimum urgency'; readonly minimum: Urgency }
  | { readonly type: 'time passed' }
);

/** How a push ended, with all that has to be written down. */
export interface Ending {
  readonly message: MessageRef;
  readonly outcome: Outcome;
  /** What it means for others of its topic. */
  readonly mark: TopicMark | undefined;
  readonly trust: Trust;
}

/** What the outside has to do; every effect but `leave` is answered by an event. */
export type Effect =
  /** Fetch, decrypt and judge → `opened`, `open failed` or `gone`. */
  | { readonly type: 'open'; readonly message: MessageRef }
  /** Hand it to the app → `accepted`, `refused by app`, `app unreachable` or `unwanted`. */
  | { readonly type: 'deliver'; readonly message: MessageRef; readonly push: Push }
  /** Write outcome, topic and trust to disk, all at once and for sure → `recorded` or `record failed`. */
  | ({ readonly type: 'record' } & Ending)
  /** Take the mail out of the mailbox → `removed` or `remove failed`. */
  | { readonly type: 'remove'; readonly message: MessageRef }
  /** Forget the mail and never look at it again. */
  | { readonly type: 'leave'; readonly message: MessageRef; readonly reason: string };
