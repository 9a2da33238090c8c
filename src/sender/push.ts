import type { Urgency } from '../notify-spec/index.js';
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
