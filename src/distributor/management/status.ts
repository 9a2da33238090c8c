import * as v from 'valibot';
import { type Urgency, urgencies } from '../../notify-spec/index.js';

/** Why open pushes are not delivered yet, and how many wait so. All of them may be 0. */
export interface Waiting {
  /** Found, and not opened yet. */
  readonly unopened: number;
  /** For the handshake of their sender: its key is not known yet. */
  readonly key: number;
  /** For the time in which they are dated: one of the clocks is wrong. */
  readonly clock: number;
  /** For another state of the device: their urgency is too low for this one. */
  readonly urgency: number;
  /** For time to go by: their app got too many within the last hours. */
  readonly rate: number;
  /** Behind another push of their channel, or just being given to the app. */
  readonly turn: number;
  /** For their app, which is not there. */
  readonly app: number;
  /** Refused by their app, and tried again. */
  readonly refusedByApp: number;
  /** Delivered or given up; to be written down, and to be removed from the mailbox. */
  readonly removal: number;
}

/** One registration. Times are in ISO 8601, UTC. */
export interface AppStatus {
  /** The bus name of the app. */
  readonly service: string;
  /** What the app says of itself: any text. */
  readonly description: string;
  /** The first six characters of its channel, as the log has them. */
  readonly channel: string;
  readonly registeredAt: string;
  /** The fingerprint of the only app server that may push; null before the first push if the app named none. */
  readonly sender: string | null;
  /** Fingerprint of the key that it has announced to change to. */
  readonly next: string | null;
  /** All open pushes. */
  readonly open: number;
  readonly waiting: Waiting;
  /** So many endpoints that it had before still bring pushes: another one has replaced them within the last 28 days. */
  readonly draining: number;
  readonly lastPushAt: string | null;
  /** What is wrong or is waited for, in one sentence with what to do; null when there is nothing. */
  readonly note: string | null;
}

/** The registrations of apps that have not ended. */
export interface AppList {
  readonly apps: readonly AppStatus[];
  /** So many more there are that did not fit into the answer. */
  readonly omitted: number;
}

/** Something that is wrong. */
export interface Problem {
  /** What it concerns, such as `line` or `app:org.example.App`. */
  readonly source: string;
  readonly since: string;
  /** What is wrong and what to do. */
  readonly sentence: string;
}

/** How the daemon is (docs/management.md). Times are in ISO 8601, UTC. */
export interface Status {
  readonly version: string;
  readonly startedAt: string;
  readonly account: {
    readonly address: string;
    readonly server: string;
    readonly port: number;
    readonly folder: string;
  };
  /** What apps get: `mailto` addresses, to which only app servers that send mail can push, or URLs of a `gateway`. */
  readonly endpoints: string;
  /** The gateway that the configuration names; null: none. */
  readonly gateway: {
    readonly url: string;
    /** It seals endpoints; it is being asked for a grant; its mail with the grant is waited for; something is wrong. */
    readonly state: 'ready' | 'asking' | 'waiting' | 'failing';
    /** Waiting, or failing, since then. */
    readonly since: string | null;
    /** Until when it seals endpoints without another mail. */
    readonly grantExpires: string | null;
    /** Registrations with an endpoint of it, and those that wait for one. */
    readonly sealed: number;
    readonly unsealed: number;
  } | null;
  readonly line: {
    readonly state: 'connected' | 'connecting' | 'waiting';
    /** Connected, or not connected, since then. */
    readonly since: string;
    /** Whether the server announces new mail by itself; null while not connected. */
    readonly idle: boolean | null;
    /** The next try, while `waiting`. */
    readonly retryAt: string | null;
  };
  /** What is known of the device, and which pushes are held because of it. */
  readonly device: {
    readonly power: 'plugged in' | 'on battery' | 'battery low' | 'unknown';
    readonly network: 'unmetered' | 'metered' | 'unknown';
    /** Pushes of a lower urgency are held. */
    readonly minimumUrgency: Urgency;
    /** All of that in one sentence. */
    readonly why: string;
  };
  readonly lastPush: { readonly at: string; readonly service: string; readonly description: string } | null;
  readonly open: number;
  readonly waiting: Waiting;
  /** How pushes ended since the daemon was started. */
  readonly sinceStart: {
    readonly delivered: number;
    readonly refused: number;
    readonly expired: number;
    readonly duplicate: number;
    /** Replaced by a later one of their topic. */
    readonly superseded: number;
    /** For a registration that had ended. */
    readonly retired: number;
    /** Mails that name a channel of ours and do not decrypt with its key: left untouched. */
    readonly leftUntouched: number;
  };
  /** Why pushes were refused since the daemon was started, the most frequent first; at most 51. */
  readonly refusals: readonly { readonly reason: string; readonly count: number }[];
  /** How many registrations there are. */
  readonly registrations: number;
  /** Those registrations that have an open push or a note; at most 100. */
  readonly apps: readonly AppStatus[];
  readonly omitted: number;
  /** What is wrong, the worst first; empty: all is well. At most 200. */
  readonly problems: readonly Problem[];
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.string(), v.isoTimestamp());

const waiting = v.looseObject({
  unopened: count,
  key: count,
  clock: count,
  urgency: count,
  rate: count,
  turn: count,
  app: count,
  refusedByApp: count,
  removal: count,
});

const app = v.looseObject({
  service: v.string(),
  description: v.string(),
  channel: v.string(),
  registeredAt: time,
  sender: v.nullable(v.string()),
  next: v.nullable(v.string()),
  open: count,
  waiting,
  // An older daemon does not tell it.
  draining: v.optional(count, 0),
  lastPushAt: v.nullable(time),
  note: v.nullable(v.string()),
});

/** Another version of the daemon may have more to tell: keys that are not known here are kept. */
export const appListSchema: v.GenericSchema<unknown, AppList> = v.looseObject({ apps: v.array(app), omitted: count });

/** See {@link appListSchema}. */
export const statusSchema: v.GenericSchema<unknown, Status> = v.looseObject({
  version: v.string(),
  startedAt: time,
  account: v.looseObject({ address: v.string(), server: v.string(), port: count, folder: v.string() }),
  endpoints: v.string(),
  gateway: v.nullable(
    v.looseObject({
      url: v.string(),
      state: v.picklist(['ready', 'asking', 'waiting', 'failing']),
      since: v.nullable(time),
      grantExpires: v.nullable(time),
      sealed: count,
      unsealed: count,
    }),
  ),
  line: v.looseObject({
    state: v.picklist(['connected', 'connecting', 'waiting']),
    since: time,
    idle: v.nullable(v.boolean()),
    retryAt: v.nullable(time),
  }),
  device: v.looseObject({
    power: v.picklist(['plugged in', 'on battery', 'battery low', 'unknown']),
    network: v.picklist(['unmetered', 'metered', 'unknown']),
    minimumUrgency: v.picklist(urgencies),
    why: v.string(),
  }),
  lastPush: v.nullable(v.looseObject({ at: time, service: v.string(), description: v.string() })),
  open: count,
  waiting,
  sinceStart: v.looseObject({
    delivered: count,
    refused: count,
    expired: count,
    duplicate: count,
    superseded: count,
    retired: count,
    leftUntouched: count,
  }),
  refusals: v.array(v.looseObject({ reason: v.string(), count })),
  registrations: count,
  apps: v.array(app),
  omitted: count,
  problems: v.array(v.looseObject({ source: v.string(), since: time, sentence: v.string() })),
});

/** The registrations that a word on who may push has changed. */
export interface TrustAnswer {
  readonly changed: readonly Pick<AppStatus, 'service' | 'channel'>[];
}

/** See {@link appListSchema}. */
export const trustAnswerSchema: v.GenericSchema<unknown, TrustAnswer> = v.looseObject({
  changed: v.array(v.looseObject({ service: v.string(), channel: v.string() })),
});
