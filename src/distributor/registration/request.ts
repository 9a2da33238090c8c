import { type FailureReason, failureReasons, isBusName, unifiedPushLimits } from '../../dbus/index.js';
import { isFingerprint } from '../../notify-spec/index.js';

/** What an app asks for, whichever version of the interface it speaks; not checked yet. */
export interface RegisterRequest {
  readonly protocol: 1 | 2;
  readonly service: string | undefined;
  readonly token: string | undefined;
  readonly description: string | undefined;
  readonly vapid: string | undefined;
  /** Fingerprint of the only app server that may push (`org.mailpush.sender`). */
  readonly sender: string | undefined;
}

/** A request within the limits of the specification. */
export interface CheckedRequest {
  readonly protocol: 1 | 2;
  readonly service: string;
  readonly token: string;
  readonly description: string;
  readonly vapid: string | undefined;
  /** Fingerprint of the only app server that may push (`org.mailpush.sender`). */
  readonly sender: string | undefined;
}

/** Why an app is turned down: one of version 2's reasons, and a sentence for version 1, which gives any text. */
export interface Refusal {
  readonly reason: FailureReason;
  readonly explanation: string;
}

/** Either the one or the other. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** Turns an app down. */
export function refuse(reason: FailureReason, explanation: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { reason, explanation } };
}

const bytes = (text: string): number => Buffer.byteLength(text, 'utf8');
const vapidKey = new RegExp(`^[A-Za-z0-9_-]{${unifiedPushLimits.vapidChars}}$`);

/** Holds a request against the limits of the UnifiedPush D-Bus specification. Nothing outside them is ever stored. */
export function checkRequest(request: RegisterRequest): Checked<CheckedRequest> {
  const { protocol, service, token, vapid } = request;
  const named = request.sender?.toLowerCase();
  const malformed = (explanation: string): Checked<never> => refuse(failureReasons.internalError, explanation);
  if (service === undefined || !isBusName(service)) return malformed('The service is not a valid bus name.');
  if (token === undefined || token === '') return malformed('The token is missing.');
  if (bytes(token) > unifiedPushLimits.tokenBytes) {
    return malformed(`The token is longer than ${unifiedPushLimits.tokenBytes} bytes.`);
  }
  const description = request.description ?? '';
  if (bytes(description) > unifiedPushLimits.descriptionBytes) {
    return malformed(`The description is longer than ${unifiedPushLimits.descriptionBytes} bytes.`);
  }
  if (vapid !== undefined && !vapidKey.test(vapid)) {
    return malformed(`The VAPID key is not ${unifiedPushLimits.vapidChars} characters of base64url.`);
  }
  if (named !== undefined && !isFingerprint(named)) {
    return malformed('The fingerprint of the sender is not 40 hexadecimal digits.');
  }
  return { ok: true, value: { protocol, service, token, description, vapid, sender: named } };
}
