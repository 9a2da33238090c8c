import { CryptoError, type PublicKey, seal } from '../crypto/index.js';
import { composeInner, composeMail, type MailEndpoint } from '../notify-spec/index.js';
import type { DeliveryOptions } from './delivery-options.js';
import { PushError } from './errors.js';
import type { MailPayload } from './read-payload.js';
import type { SenderKey } from './sender-key.js';

/** Everything a push mail is made of. */
export interface PushParts {
  readonly from: string;
  readonly endpoint: MailEndpoint;
  readonly channelKey: PublicKey;
  readonly senderKey: SenderKey;
  readonly id: string;
  readonly messageId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly options: DeliveryOptions;
  readonly payload: MailPayload;
  /** Whether the mail carries the sender's key. */
  readonly handshake: boolean;
  /** The key that the sender will sign with next, if it announces one. */
  readonly nextFingerprint: string | undefined;
}

/**
 * Writes a push mail, signed and encrypted (Email-Notify 1). Rejects with `ERR_KEY_UNUSABLE` when one of the keys is
 * expired or revoked.
 */
export async function composePush(parts: PushParts): Promise<Uint8Array> {
  const { from, endpoint, id, messageId, now, options, payload, nextFingerprint } = parts;
  const { address: to, channel } = endpoint;
  const date = new Date(now);
  const coding = payload.contentCoding === undefined ? {} : { contentCoding: payload.contentCoding };
  const next = nextFingerprint === undefined ? {} : { nextFingerprint };
  const inner = composeInner({
    mediaType: payload.mediaType,
    from,
    to,
    date,
    messageId,
    push: { channel, id, timestamp: Math.floor(now / 1000), ...options, ...coding, ...next },
    payload: payload.bytes,
  });
  const armored = await sealInner(inner, parts);
  const handshake = parts.handshake ? { autocrypt: parts.senderKey.autocrypt } : {};
  const { ttlSeconds } = options;
  return composeMail({ from, to, date, messageId, channel, ttlSeconds, armored, ...handshake });
}

async function sealInner(inner: Uint8Array, parts: PushParts): Promise<string> {
  try {
    return await seal(inner, { recipient: parts.channelKey, signer: parts.senderKey.key, now: parts.now });
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    const sentence = "The sender's key or the channel's cannot be used; check whether one is expired or revoked.";
    throw new PushError('ERR_KEY_UNUSABLE', sentence, { disposition: 'action-required', cause });
  }
}
