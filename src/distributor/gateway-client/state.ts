import type { Pin } from '../delivery/index.js';
import type { Failure } from './errors.js';
import type { GatewayTimes } from './times.js';

/** What a gateway has given for the proof that we read our mailbox. */
export interface Grant {
  readonly token: string;
  /** In ms since 1970, as all times here. */
  readonly expires: number;
  readonly renewAt: number;
}

/**
 * How far the request for a grant is.
 *
 * - `none`: nothing is asked for.
 * - `preparing`: a control channel and a nonce are being made.
 * - `sending`: they are on disk, and the gateway is being asked.
 * - `waiting`: it has sent the mail (202).
 * - `failed`: it has not, as far as is known; the mail is taken all the same should it come, and the next request is the same
 *   one, so that it does not matter which of them the mail answers.
 */
export type GrantRequest =
  | { readonly stage: 'none' }
  | { readonly stage: 'preparing' }
  | ({ readonly stage: 'sending' | 'waiting' | 'failed' } & Asked);

/** What a grant is asked for with. */
export interface Asked {
  /** The control channel. */
  readonly channel: string;
  /** base64url. */
  readonly nonce: string;
  /** When the first request of this kind was made, or the mail was sent. */
  readonly since: number;
}

/** An endpoint that the gateway has sealed. */
export interface Seal {
  readonly endpoint: string;
  readonly expires: number;
  readonly renewAt: number;
  /** The VAPID key inside. */
  readonly vapid: string | null;
}

/**
 * What is being done for an app.
 *
 * ```
 * idle ──► sealing ──► writing ──► idle, and the app is told
 *  │ ▲        └► refused   └► unwritten ──► writing
 *  │ └─ checking
 *  └──► replacing (its channel is pinned to another key) ──► gone, another channel comes
 * ```
 */
export type Work =
  | { readonly stage: 'idle' }
  | { readonly stage: 'sealing'; readonly vapid: string | null }
  | { readonly stage: 'refused'; readonly failure: Failure; readonly retryAt: number }
  /** Seal and pin are going to the disk. */
  | { readonly stage: 'writing'; readonly seal: Seal; readonly pin: Pin }
  | { readonly stage: 'unwritten'; readonly seal: Seal; readonly pin: Pin; readonly retryAt: number }
  | { readonly stage: 'checking' }
  | { readonly stage: 'replacing' }
  | { readonly stage: 'unreplaced'; readonly retryAt: number };

/** The current channel of an app that gets its endpoint from this gateway. */
export interface App {
  readonly channel: string;
  /** Its bus name; all that have none are one. */
  readonly service: string;
  /** The VAPID key that the app has named. */
  readonly vapid: string | null;
  /** Fingerprint of the key that alone may push on the channel; null: it is not pinned. */
  readonly pinned: string | null;
  /** What the app was told last; null: nothing, or it is not good any more. */
  readonly seal: Seal | null;
  /** When the gateway is to be asked whether the seal is still good. */
  readonly checkAt: number;
  /** Since when it has had no good endpoint. */
  readonly since: number;
  readonly work: Work;
}

/** A sealed endpoint that nobody is to push to any more. */
export interface Revocation {
  /** The channel it was sealed for. */
  readonly channel: string;
  readonly endpoint: string;
  readonly expires: number;
}

/** Requests of one kind wait together when one of them fails. */
export type Lane = 'grant' | 'seal' | 'check' | 'revoke';

/** How a {@link Lane} is. */
export interface LaneState {
  /** In a row. */
  readonly failures: number;
  /** No request before. */
  readonly until: number;
  /** The last failure; undefined after a success. */
  readonly failure: Failure | undefined;
  /** When the first of the failures was. */
  readonly since: number;
}

/** All there is to know about one gateway. */
export interface GatewayState {
  readonly url: string;
  /** The mail address that it grants for. */
  readonly address: string;
  /** Not used any more: what it has sealed is revoked when its time comes, and nothing else is asked of it. */
  readonly isFormer: boolean;
  readonly request: GrantRequest;
  /** Whether a request for a grant is under way; an earlier one may have been answered by its mail meanwhile. */
  readonly isAsking: boolean;
  /** When it has sent grant mails within the last 24 hours. */
  readonly mailed: readonly number[];
  readonly grant: Grant | undefined;
  /** The key that pushes for it: whoever signed the last grant. */
  readonly pin: Pin | undefined;
  readonly apps: ReadonlyMap<string, App>;
  /** By endpoint. */
  readonly revocations: ReadonlyMap<string, Revocation>;
  /** Endpoints that are being revoked. */
  readonly revoking: ReadonlySet<string>;
  readonly lanes: Readonly<Record<Lane, LaneState>>;
  /** How many requests have no answer yet; one may be for an app that is gone. */
  readonly underWay: number;
  /** What is left of `times.sealsOfApp`, by service, as `delivery/allowance.ts` counts it. */
  readonly seals: ReadonlyMap<string, number>;
  /** When the requests of the last minute began. */
  readonly began: readonly number[];
  readonly times: GatewayTimes;
}

/** Something that has happened. */
export type GatewayEvent = Happening & {
  /** In ms since 1970. */
  readonly now: number;
  /** From 0 to 1, so that not everybody comes at once. */
  readonly chance: number;
};

/** A {@link GatewayEvent} whose time is now. */
export type Happening =
  /** A registration is there, is new or was changed. What is known of its seal already is not believed anew. */
  | { readonly type: 'registered'; readonly app: Pick<App, 'channel' | 'service' | 'vapid' | 'pinned' | 'seal'> }
  /** Another channel has taken its place: its endpoint stays good. */
  | { readonly type: 'replaced'; readonly channel: string }
  /** The registration has ended; with the endpoint that was sealed for it. */
  | { readonly type: 'ended'; readonly channel: string; readonly sealed: Omit<Revocation, 'channel'> | undefined }
  | { readonly type: 'replace failed'; readonly channel: string }
  | { readonly type: 'prepared'; readonly channel: string; readonly nonce: string }
  | { readonly type: 'prepare failed' }
  | { readonly type: 'asked' }
  | { readonly type: 'ask failed'; readonly failure: Failure }
  /** A grant that was checked by `readGrant` has come. */
  | { readonly type: 'granted'; readonly token: string; readonly expires: number; readonly pin: Pin }
  | { readonly type: 'sealed'; readonly channel: string; readonly sealed: Sealed }
  | { readonly type: 'seal failed'; readonly channel: string; readonly grant: string; readonly failure: Failure }
  /** Pin and seal are on disk, and the courier knows the pin. */
  | { readonly type: 'written'; readonly channel: string; readonly endpoint: string }
  | { readonly type: 'write failed'; readonly channel: string }
  | { readonly type: 'checked'; readonly channel: string; readonly endpoint: string; readonly isGood: boolean }
  | { readonly type: 'check failed'; readonly channel: string; readonly failure: Failure }
  | { readonly type: 'revoked'; readonly endpoint: string }
  | { readonly type: 'revoke failed'; readonly endpoint: string; readonly grant: string; readonly failure: Failure }
  /** The network is back, or the machine was asleep. */
  | { readonly type: 'woken' }
  | { readonly type: 'time passed' };

/** What `POST /v1/endpoints` gave, and what for. */
export interface Sealed {
  readonly endpoint: string;
  readonly expires: number;
  readonly vapid: string | null;
  /** Fingerprint of the key that the gateway has now. */
  readonly sender: string;
}

/** Something to do. What has to be remembered is written to disk before. */
export type Effect =
  /** Make a control channel and a nonce. */
  | { readonly type: 'prepare' }
  | { readonly type: 'ask'; readonly channel: string; readonly nonce: string }
  | { readonly type: 'seal'; readonly channel: string; readonly vapid: string | null; readonly grant: string }
  /** Pin the channel and write it down together with the seal. */
  | { readonly type: 'write'; readonly channel: string; readonly seal: Seal; readonly pin: Pin }
  /** Tell the app. */
  | { readonly type: 'tell'; readonly channel: string; readonly endpoint: string }
  | { readonly type: 'check'; readonly channel: string; readonly endpoint: string }
  | { readonly type: 'revoke'; readonly endpoint: string; readonly grant: string }
  /** This seal need not be remembered for its channel any more. */
  | { readonly type: 'forget seal'; readonly channel: string; readonly endpoint: string }
  /** Put another channel in its place. */
  | { readonly type: 'replace'; readonly channel: string };

const openLane: LaneState = { failures: 0, until: 0, failure: undefined, since: 0 };

/** Of a gateway that was never asked for anything. */
export function initialGatewayState(
  gateway: Pick<GatewayState, 'url' | 'address' | 'isFormer' | 'times'>,
): GatewayState {
  return {
    ...gateway,
    request: { stage: 'none' },
    isAsking: false,
    mailed: [],
    grant: undefined,
    pin: undefined,
    apps: new Map(),
    revocations: new Map(),
    revoking: new Set(),
    lanes: { grant: openLane, seal: openLane, check: openLane, revoke: openLane },
    underWay: 0,
    seals: new Map(),
    began: [],
  };
}
