import type { ReducedCertificate } from '../crypto/index.js';
import { isAddress, limits } from '../notify-spec/index.js';
import { compressedVapidBytes } from './vapid-key.js';

/** What a seal holds, as it stands there. */
export interface SealFields {
  readonly certificate: ReducedCertificate;
  /** Seconds since 1970. */
  readonly expires: number;
  /** 20 bytes. */
  readonly channel: Uint8Array;
  /** 33 bytes. */
  readonly vapid: Uint8Array | undefined;
  readonly address: string;
}

const { channelBytes } = limits;
const numbersBytes = 1 + 4 + 2;
const keyBytes = 32;
const signatureBytes = 64;

/** Bytes of the fields but for the address, with a VAPID key. */
export const fieldsBytes: number =
  numbersBytes + channelBytes + compressedVapidBytes + 2 * keyBytes + 2 * signatureBytes;

/** Writes the fields of a seal in the order of docs/gateway.md, numbers in network byte order. */
export function writeSealFields({ certificate, expires, channel, vapid, address }: SealFields): Uint8Array {
  const numbers = Buffer.alloc(numbersBytes);
  numbers.writeUInt8(certificate.template, 0);
  numbers.writeUInt32BE(expires, 1);
  numbers.writeUInt16BE(certificate.createdDay, 5);
  const { primaryKey, subkey, certification, binding } = certificate;
  return Buffer.concat([
    numbers,
    channel,
    vapid ?? Uint8Array.of(0),
    primaryKey,
    subkey,
    certification,
    binding,
    Buffer.from(address, 'latin1'),
  ]);
}

/** Reads what {@link writeSealFields} wrote; undefined for anything else. */
export function readSealFields(content: Uint8Array): SealFields | undefined {
  const bytes = Buffer.from(content);
  const vapidSize = bytes[numbersBytes + channelBytes] === 0 ? 1 : compressedVapidBytes;
  if (bytes.length <= fieldsBytes - compressedVapidBytes + vapidSize) return undefined;
  let at = numbersBytes;
  const take = (size: number): Uint8Array => {
    at += size;
    return Uint8Array.from(bytes.subarray(at - size, at));
  };
  const channel = take(channelBytes);
  const vapid = take(vapidSize);
  const certificate: ReducedCertificate = {
    template: bytes.readUInt8(0),
    createdDay: bytes.readUInt16BE(5),
    primaryKey: take(keyBytes),
    subkey: take(keyBytes),
    certification: take(signatureBytes),
    binding: take(signatureBytes),
  };
  const address = bytes.toString('latin1', at);
  if (!isAddress(address)) return undefined;
  return { certificate, expires: bytes.readUInt32BE(1), channel, vapid: vapidSize === 1 ? undefined : vapid, address };
}
