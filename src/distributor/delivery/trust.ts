import type { PushHeader } from '../../notify-spec/index.js';

/** The first key that signed a valid push on a channel: from then on the only one that may. */
export interface Pin {
  /** 40 lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The sender's address, which the inner From has to be. */
  readonly address: string;
  /** The public key, five OpenPGP packets. */
  readonly keydata: Uint8Array;
}

/** The key that the pinned one has announced as its successor (docs/email-notify.md, Pinning and key change). */
export interface Announcement {
  /** 40 lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** When the push was made that announced it, in seconds since 1970: an older one that comes late changes nothing. */
  readonly timestamp: number;
}

/** Who may push on a channel. */
export interface Trust {
  readonly pin: Pin | undefined;
  readonly next: Announcement | undefined;
}

/** Of a channel on which nobody has pushed yet. */
export const nobody: Trust = { pin: undefined, next: undefined };

/**
 * Whether the key with this fingerprint may push.
 *
 * @param expected the only key that may be the first, if the app or the user named one.
 */
export function isTrusted({ pin, next }: Trust, expected: string | undefined, fingerprint: string): boolean {
  if (pin === undefined) return fingerprint === (expected ?? fingerprint);
  return fingerprint === pin.fingerprint || fingerprint === next?.fingerprint;
}

/**
 * Whether the key with this id, of which no more is known, may turn out to be one that may push. An app names a fingerprint
 * and not a key, and so does a sender that will change its key.
 *
 * @param keyId 16 lower-case hexadecimal digits.
 */
export function mayBeTrusted({ pin, next }: Trust, keyId: string): boolean {
  return pin === undefined || next?.fingerprint.endsWith(keyId) === true;
}

/** Who may push after a push that `signer`, who may, has signed: a new key moves the pin, and the pinned key may announce one. */
export function learn(
  trust: Trust,
  signer: Pin,
  { nextFingerprint, timestamp }: Pick<PushHeader, 'nextFingerprint' | 'timestamp'>,
): Trust {
  const moved = trust.pin?.fingerprint === signer.fingerprint ? trust : { pin: signer, next: undefined };
  if (nextFingerprint === undefined || nextFingerprint === signer.fingerprint) return moved;
  if (moved.next !== undefined && timestamp < moved.next.timestamp) return moved;
  if (moved.next?.fingerprint === nextFingerprint) return moved;
  return { ...moved, next: { fingerprint: nextFingerprint, timestamp } };
}

/** Whether both let the same keys push. */
export function sameTrust(a: Trust, b: Trust): boolean {
  return a.pin?.fingerprint === b.pin?.fingerprint && a.next?.fingerprint === b.next?.fingerprint;
}
