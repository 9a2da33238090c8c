import type { InnerMediaType, Urgency } from '../notify-spec/index.js';
import type { PushError } from './errors.js';

/** A Web Push subscription, as `PushSubscription.toJSON()` gives it (Push API §8). */
export interface PushSubscription {
  /** A `mailto:` endpoint. */
  readonly endpoint: string;
  /** With them the payload is encrypted for the app as well (RFC 8291); base64url. */
  readonly keys?: { readonly p256dh: string; readonly auth: string };
}

/** Where a push goes: an endpoint as the app gave it, or a subscription that holds one. */
export type PushTarget = string | PushSubscription;

/** Options of one push; names and defaults are those of the npm package `web-push`. */
export interface PushOptions {
  /** Seconds for which the push is worth delivering (RFC 8030 §5.2). Default and most 2 419 200, four weeks. */
  readonly TTL?: number;
  /** The same as `TTL`. */
  readonly ttl?: number;
  /** RFC 8030 §5.3. Default `normal`. */
  readonly urgency?: Urgency;
  /** A later push with the same topic replaces this one (RFC 8030 §5.4): up to 32 base64url characters. */
  readonly topic?: string;
  /**
   * The push id: pushes of one channel with the same id are delivered once. For whoever may have sent this push before, such
   * as a queue that outlasts the process, or a gateway. 1 to 64 visible ASCII characters other than `;`. Default: random.
   */
  readonly id?: string;
  /** What the payload is: `application/vnd.mailpush.grant` is for gateways only. Default `application/octet-stream`. */
  readonly contentType?: InnerMediaType;
  /**
   * Content coding of a payload that somebody else has encrypted already, such as `aes128gcm` (RFC 8291): an HTTP token of
   * at most 32 characters. Not for a subscription with `keys`, whose payload is encrypted here. Default: none.
   */
  readonly contentCoding?: string;
  /** For how many milliseconds this push is tried, waiting for its turn included. Default: `deadlineMs` of the sender. */
  readonly deadlineMs?: number;
  /** Gives the push up, with `ERR_ABORTED`. What is already on its way to the server may still arrive. */
  readonly signal?: AbortSignal;
}

/** One push of many. */
export interface PushMessage extends PushOptions {
  readonly target: PushTarget;
  readonly payload: Uint8Array | string;
}

/** The SMTP server has taken the push. */
export interface PushReceipt {
  /** The push id: the same over all tries, so that the app gets the push once. */
  readonly id: string;
  /** Message-ID of the mail, with its angle brackets. */
  readonly messageId: string;
  /** The server's answer, such as `250 2.0.0 Ok: queued`. */
  readonly smtpResponse: string;
}

/** What became of one push of many. */
export type PushResult =
  | { readonly ok: true; readonly receipt: PushReceipt }
  | { readonly ok: false; readonly error: PushError };
