import * as v from 'valibot';
import { isFingerprint } from '../../notify-spec/index.js';
import type { Pin } from '../delivery/index.js';

/** Bytes as they stand in the store. */
export const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

/** Reads them. */
export const bytes: v.GenericSchema<unknown, Uint8Array> = v.pipe(
  v.string(),
  v.base64(),
  v.transform((text): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))),
);

/** Reads a fingerprint. */
export const fingerprint: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.check(isFingerprint));

/** Reads a pin. */
export const pinRecord: v.GenericSchema<unknown, Pin> = v.object({ fingerprint, address: v.string(), keydata: bytes });

/** Writes a pin as it stands in the store. */
export function encodePin(pin: Pin): unknown {
  return { ...pin, keydata: base64(pin.keydata) };
}
