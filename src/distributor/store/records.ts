import * as v from 'valibot';
import type { PeerState } from '../../crypto/index.js';
import { isChannel } from '../../notify-spec/index.js';
import type { Announcement, Pin, TopicMark, Trust } from '../delivery/index.js';
import { decodeGateways } from './gateway-records.js';
import { base64, bytes, encodePin, fingerprint, pinRecord } from './pin-record.js';

const channel = v.pipe(v.string(), v.check(isChannel));
const uid = v.pipe(v.number(), v.integer(), v.minValue(0));
const preferEncrypt = v.picklist(['mutual', 'nopreference']);
const peer = v.object({
  lastSeen: v.number(),
  autocryptTimestamp: v.optional(v.number()),
  header: v.optional(v.object({ address: v.string(), preferEncrypt, keydata: bytes })),
});

const gateway = v.object({
  url: v.string(),
  endpoint: v.nullable(v.string()),
  expires: v.nullable(v.number()),
  renewAt: v.nullable(v.number()),
  vapid: v.nullable(v.string()),
});

const registrationRecord = v.object({
  channel,
  token: v.string(),
  service: v.string(),
  busId: v.nullable(v.string()),
  protocol: v.picklist([1, 2]),
  description: v.string(),
  vapid: v.nullable(v.string()),
  address: v.string(),
  registeredAt: v.number(),
  retiredAt: v.nullable(v.number()),
  key: bytes,
  sender: v.nullable(fingerprint),
  pin: v.nullable(pinRecord),
  // These came later.
  next: v.optional(v.nullable(v.object({ fingerprint, timestamp: v.number() })), null),
  peer: v.optional(v.nullable(peer), null),
  purpose: v.optional(v.picklist(['app', 'grant']), 'app'),
  replacedAt: v.optional(v.nullable(v.number()), null),
  gateway: v.optional(v.nullable(gateway), null),
  isTold: v.optional(v.boolean(), true),
});

const progressRecord = v.object({ uidValidity: v.pipe(v.string(), v.digits()), lastUid: uid });

const topicRecord = v.object({ timestamp: v.number(), folder: v.string(), uidValidity: v.string(), uid });

const openRecord = v.object({ uid, channel });

/** The gateway through which a channel is pushed to (docs/gateway.md). */
export interface GatewayEndpoint {
  /** The gateway's own URL. */
  readonly url: string;
  /** The sealed endpoint that the app gets; null until it is there. */
  readonly endpoint: string | null;
  /** When its seal expires, in ms since 1970. */
  readonly expires: number | null;
  /** When another one is to be sealed, in ms since 1970. */
  readonly renewAt: number | null;
  /** The VAPID key inside the seal. */
  readonly vapid: string | null;
}

/** One app's registration with the key of its channel; or a gateway's control channel, which belongs to no app. */
export interface Registration {
  /** Names the registration in mail. */
  readonly channel: string;
  /**
   * `app`: pushes for an app. `grant`: the control channel of a gateway, which takes its grants and nothing else; no app and
   * no user hears of it, and `token` and `service` are empty.
   */
  readonly purpose: 'app' | 'grant';
  /** Chosen by the app; between app and distributor only. */
  readonly token: string;
  /** The bus name of the app. */
  readonly service: string;
  /** For a service that is a unique name: the bus on which it means something. */
  readonly busId: string | null;
  /** Which version of the UnifiedPush interface the app speaks. */
  readonly protocol: 1 | 2;
  readonly description: string;
  /** The app server's VAPID key, if the app named one. */
  readonly vapid: string | null;
  /** The mail address in the endpoint. */
  readonly address: string;
  /** In ms since 1970. */
  readonly registeredAt: number;
  /**
   * When another channel has taken the place of this one, in ms since 1970: the app has another endpoint. What still comes is
   * delivered to it for 28 days, then the channel is retired.
   */
  readonly replacedAt: number | null;
  /** When the registration ended, in ms since 1970; its key is kept for 28 days more. */
  readonly retiredAt: number | null;
  /** The channel's private key, in binary. */
  readonly key: Uint8Array;
  /** Fingerprint of the only app server that may push, if the app or the user named one. */
  readonly sender: string | null;
  readonly pin: Pin | null;
  /** The key that the pinned one has announced as its successor. */
  readonly next: Announcement | null;
  /** What the sender's Autocrypt headers have said. */
  readonly peer: PeerState | null;
  /** The gateway it is for; null: the app gets the `mailto:` endpoint. Of a control channel the one that grants. */
  readonly gateway: GatewayEndpoint | null;
  /** Whether the app has been told of the endpoint that it has now. */
  readonly isTold: boolean;
}

/** A push mail that is still worked on, and whose it is. */
export interface OpenMessage {
  readonly uid: number;
  readonly channel: string;
}

/** How far a folder has been looked through: up to `lastUid` under this UIDVALIDITY. */
export interface ProgressRecord {
  readonly uidValidity: string;
  readonly lastUid: number;
}

/** Writes a registration as it stands in the store. */
export function encodeRegistration(registration: Registration): unknown {
  const { pin, peer } = registration;
  return {
    ...registration,
    key: base64(registration.key),
    pin: pin === null ? null : encodePin(pin),
    peer: peer === null ? null : encodePeer(peer),
  };
}

function encodePeer({ header, ...state }: PeerState): unknown {
  return header === undefined ? state : { ...state, header: { ...header, keydata: base64(header.keydata) } };
}

/** Who may push on the channel of a registration. */
export function trustOf({ pin, next }: Pick<Registration, 'pin' | 'next'>): Trust {
  return { pin: pin ?? undefined, next: next ?? undefined };
}

/** Reads a registration from the store. Throws for anything else. */
export function decodeRegistration(value: unknown): Registration {
  const { peer, ...registration } = v.parse(registrationRecord, value);
  if (peer === null) return { ...registration, peer };
  const { lastSeen, autocryptTimestamp, header } = peer;
  return { ...registration, peer: { lastSeen, autocryptTimestamp, header } };
}

/** Reads how far a folder was looked through. Throws for anything else. */
export function decodeProgress(value: unknown): ProgressRecord {
  return v.parse(progressRecord, value);
}

/** Reads an open message from its key's last part and its value. Throws for anything else. */
export function decodeOpenMessage(uid: string, channel: unknown): OpenMessage {
  return v.parse(openRecord, { uid: Number(uid), channel });
}

/** Writes a topic's mark as it stands in the store, under a key that ends with the topic. */
export function encodeTopic({ timestamp, message: { folder, uidValidity, uid } }: TopicMark): unknown {
  return { timestamp, folder, uidValidity, uid };
}

/** Reads a topic's mark; undefined for anything else, as rather an old push is delivered than a new one lost. */
export function decodeTopic(topic: string, value: unknown): TopicMark | undefined {
  const { success, output } = v.safeParse(topicRecord, value);
  if (!success) return undefined;
  const { timestamp, ...message } = output;
  return { topic, timestamp, message };
}

/** The version of everything that is written here. */
export const format = 1;
/** Where it stands. */
export const formatKey = 'format';

/** Keys begin with what they are about; what is not among these may have any value. */
const decoders: Readonly<Record<string, (value: unknown, lastPart: string) => unknown>> = {
  format: (value) => v.parse(v.pipe(v.number(), v.integer(), v.minValue(format)), value),
  registration: (value, channel) => v.parse(v.literal(channel), decodeRegistration(value).channel),
  folder: (value, name) => [decodeURIComponent(name), decodeProgress(value)],
  open: (value, uid) => decodeOpenMessage(uid, value),
  delivered: (value) => v.parse(v.number(), value),
  gateway: decodeGateways,
};

/** Whether a record is what may stand under its key; `text` is its value as JSON. */
export function isSoundRecord(key: string, text: string): boolean {
  const parts = key.split('/');
  try {
    const value: unknown = JSON.parse(text);
    decoders[parts[0] ?? '']?.(value, parts.at(-1) ?? '');
    return true;
  } catch {
    return false;
  }
}
