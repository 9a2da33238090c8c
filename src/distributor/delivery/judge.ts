import type { PeerMail } from '../../crypto/index.js';
import type { MessageRef } from '../../imap/index.js';
import { canonicalAddress, type InnerMediaType, type PushHeader } from '../../notify-spec/index.js';
import type { PushLabel, TopicMark, Verdict } from './state.js';
import { clockToleranceMs, holdMarginMs, maxEarlyMs, minLifeMs, rememberMs } from './timing.js';
import { isLater, markOf } from './topics.js';
import { isTrusted, learn, mayBeTrusted, type Pin, type Trust } from './trust.js';

/** What is known of the signature inside a mail that decrypted. */
export type Signer =
  | { readonly state: 'valid'; readonly signer: Pin }
  | { readonly state: 'unknown-signer'; readonly keyId: string }
  | { readonly state: 'invalid'; readonly reason: string }
  | { readonly state: 'unsigned' };

/** The decrypted inside of a mail, or why it cannot be read. */
export type Inside =
  | {
      readonly kind: 'entity';
      readonly mediaType: InnerMediaType;
      readonly from: string;
      readonly to: string;
      readonly push: PushHeader;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** A mail on one of our channels after the attempt to open it. */
export type OpenedMail =
  /** It did not decrypt with the channel's key. */
  | { readonly kind: 'closed'; readonly reason: string }
  | {
      readonly kind: 'opened';
      readonly signature: Signer;
      readonly inside: Inside;
      /** What the outside says of the sender's key. */
      readonly handshake: Omit<PeerMail, 'date'>;
    };

/** What the mail is held against. */
export interface Expected {
  readonly channel: string;
  /** What the channel takes: an app's pushes, or a gateway's grants. */
  readonly purpose: 'app' | 'grant';
  /** The registration's own address, as in its endpoint. */
  readonly address: string;
  readonly trust: Trust;
  /** The fingerprint that the app or the user named; until a key is pinned it alone may be. */
  readonly sender: string | undefined;
  readonly retired: boolean;
  /** Whether this push id has been delivered on this channel before. */
  readonly wasDelivered: (id: string) => boolean;
  /** What is on disk about a topic of this channel. */
  readonly lastOfTopic: (topic: string) => TopicMark | undefined;
  /** Where the mail is. */
  readonly message: MessageRef;
  /** In ms since 1970. */
  readonly now: number;
}

const refused = (reason: string): Verdict => ({ kind: 'refused', reason });
const sameAddress = (a: string, b: string): boolean => canonicalAddress(a) === canonicalAddress(b);

/** Why a mail with such an inside is none for this channel. */
function misplacedType(mediaType: InnerMediaType, { purpose }: Expected): string | undefined {
  const isGrant = mediaType === 'application/vnd.mailpush.grant';
  if (isGrant === (purpose === 'grant')) return undefined;
  return isGrant
    ? 'It is the grant of a gateway, and its channel is one of an app.'
    : 'It is no grant, and its channel takes the grants of a gateway only.';
}

/** The key that signed, where it is certainly not the one that may. */
function wrongSigner(signature: Signer, { trust, sender }: Expected): string | undefined {
  switch (signature.state) {
    case 'unknown-signer':
      return mayBeTrusted(trust, signature.keyId) ? undefined : signature.keyId;
    case 'valid': {
      const { fingerprint } = signature.signer;
      return isTrusted(trust, sender, fingerprint) ? undefined : fingerprint;
    }
    case 'invalid':
    case 'unsigned':
      return undefined;
  }
}

/**
 * Judges a mail: is it, once and in time, from the app server that this channel belongs to? Only what was inside the
 * encryption counts; the outer headers have done their work by leading here. A control channel learns no pin from grants:
 * who may grant is whoever answers to what was asked for, which is for `Grants` to say.
 */
export function judge(mail: OpenedMail, expected: Expected): Verdict {
  if (mail.kind === 'closed') return { kind: 'unreadable', reason: mail.reason };
  if (expected.retired) return { kind: 'retired' };
  const { signature, inside } = mail;
  const { trust, now } = expected;
  if (signature.state === 'unsigned') return refused('It is not signed.');
  if (inside.kind === 'malformed') return refused(inside.reason);
  const { push } = inside;
  if (push.channel !== expected.channel) return refused('It was made for another channel.');
  if (!sameAddress(inside.to, expected.address)) return refused('It was made for another address.');
  const misplaced = misplacedType(inside.mediaType, expected);
  if (misplaced !== undefined) return refused(misplaced);
  const wrong = wrongSigner(signature, expected);
  if (wrong !== undefined) {
    return refused(`It is signed by ${wrong}, pinned is ${trust.pin?.fingerprint ?? expected.sender}.`);
  }

  const label = labelOf(push);
  const { liveUntil } = label;
  const notBefore = push.timestamp * 1000 - clockToleranceMs;
  if (notBefore > now + maxEarlyMs) return refused('It is dated in the future.');
  // Before the signature counts: to a clock that is behind, none from later on is valid.
  if (notBefore > now) return { kind: 'early', notBefore, until: liveUntil };
  if (signature.state === 'invalid') return refused(`Its signature is not valid: ${signature.reason}`);
  if (signature.state === 'unknown-signer') {
    return liveUntil <= now ? { kind: 'expired', known: undefined } : { kind: 'waiting for key', until: liveUntil };
  }

  const { signer } = signature;
  if (!sameAddress(inside.from, signer.address)) return refused("Its From is not the address of the sender's key.");
  if (expected.wasDelivered(push.id)) return { kind: 'duplicate' };
  const mark = markOf(label, expected.message);
  const last = mark && expected.lastOfTopic(mark.topic);
  if (mark !== undefined && last !== undefined && isLater(last, mark)) return { kind: 'superseded' };
  const learned = expected.purpose === 'app' ? learn(trust, signer, push) : trust;
  // A device that was off for long must not miss who its sender is, or will be.
  if (liveUntil <= now) return { kind: 'expired', known: { label, trust: learned } };
  return { kind: 'deliverable', push: { ...label, payload: inside.payload, signer }, trust: learned };
}

function labelOf({ id, urgency, topic, timestamp, ttlSeconds }: PushHeader): PushLabel {
  const sentAt = timestamp * 1000;
  const endsAt = sentAt + ttlSeconds * 1000;
  const lifeMs = Math.max(ttlSeconds * 1000, minLifeMs);
  const liveUntil = sentAt + lifeMs + clockToleranceMs;
  return {
    id,
    urgency,
    topic,
    timestamp,
    holdUntil: sentAt + lifeMs - Math.min(holdMarginMs, lifeMs / 2),
    liveUntil,
    rememberUntil: Math.max(endsAt + rememberMs, liveUntil),
  };
}
