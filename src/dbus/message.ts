import marshaller from 'dbus-next/lib/message.js';
import { BusError } from './errors.js';
import { fromWire, parseTypes, toWire } from './values.js';
import { WireReader } from './wire-reader.js';

/** Message types (D-Bus specification, Message format). */
export const messageType = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** Message flags (D-Bus specification, Message format). */
export const messageFlag = { noReplyExpected: 1, noAutoStart: 2 } as const;

/** The header of a message; fields that the message does not have are undefined. */
export interface MessageHeader {
  readonly type: number;
  readonly flags: number;
  readonly serial: number;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  readonly replySerial?: number | undefined;
  readonly destination?: string | undefined;
  readonly sender?: string | undefined;
  readonly signature: string;
}

/** A message to be sent. */
export interface OutgoingMessage extends Omit<MessageHeader, 'signature' | 'sender'> {
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

const fieldNames: Readonly<Record<number, keyof MessageHeader>> = {
  1: 'path',
  2: 'interface',
  3: 'member',
  4: 'errorName',
  5: 'replySerial',
  6: 'destination',
  7: 'sender',
  8: 'signature',
};

/** Bytes of the fixed part of a header; the header fields and their padding follow. */
export const fixedHeaderBytes = 16;

type RawField = readonly [code: number, variant: readonly [types: unknown, values: readonly unknown[]]];
type RawHeader = [number, number, number, number, number, number, readonly RawField[]];

/** `l` for little endian, `B` for big endian. */
function isKnownEndian(byte: number | undefined): boolean {
  return byte === 0x6c || byte === 0x42;
}

/**
 * How long the message is that begins with these 16 bytes.
 *
 * Throws {@link BusError} `ERR_BUS_PROTOCOL` when no message begins so.
 */
export function measureMessage(start: Buffer): { headerBytes: number; bodyBytes: number } {
  if (!isKnownEndian(start[0]) || start[3] !== 1) {
    throw new BusError('ERR_BUS_PROTOCOL', 'The bus sent something that is not D-Bus; check the bus address.');
  }
  const little = start[0] === 0x6c;
  const fieldBytes = little ? start.readUInt32LE(12) : start.readUInt32BE(12);
  const bodyBytes = little ? start.readUInt32LE(4) : start.readUInt32BE(4);
  return { headerBytes: fixedHeaderBytes + Math.ceil(fieldBytes / 8) * 8, bodyBytes };
}

/** Reads a whole header, fixed part and fields. Throws {@link BusError} `ERR_BUS_PROTOCOL` when it is malformed. */
export function decodeHeader(header: Buffer): MessageHeader {
  return guarded(() => {
    const reader = new WireReader(header, header[0] ?? 0);
    const [, type, flags, , , serial, fields] = reader.read('yyyyuua(yv)') as RawHeader;
    const result: Record<string, unknown> = { type, flags, serial, signature: '' };
    for (const [code, [, [value]]] of fields) {
      const name = fieldNames[code];
      if (name === undefined) continue;
      if (typeof value !== (name === 'replySerial' ? 'number' : 'string')) throw new Error('wrong field type');
      result[name] = value;
    }
    return result as unknown as MessageHeader;
  });
}

/** Reads a body by its signature. Throws {@link BusError} `ERR_BUS_PROTOCOL` when it is malformed, or holds file descriptors. */
export function decodeBody(endian: number, signature: string, body: Buffer): readonly unknown[] {
  return guarded(() => {
    const types = parseTypes(signature);
    const raw = new WireReader(body, endian).read(signature);
    return types.map((type, index) => fromWire(type, raw[index]));
  });
}

/**
 * The bytes of a message.
 *
 * Throws {@link BusError} `ERR_BUS_ARGUMENT` when the body does not fit the signature.
 */
export function encodeMessage(message: OutgoingMessage): Buffer {
  const signature = message.signature ?? '';
  const body = message.body ?? [];
  const types = parseTypes(signature);
  if (types.length !== body.length) {
    throw new BusError('ERR_BUS_ARGUMENT', `Give as many D-Bus arguments as the signature "${signature}" has types.`);
  }
  const raw = types.map((type, index) => toWire(type, body[index]));
  try {
    return marshaller.marshall({ ...message, signature, body: raw })[0];
  } catch (cause) {
    throw new BusError('ERR_BUS_ARGUMENT', 'The D-Bus message could not be written; check its arguments.', { cause });
  }
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof BusError && cause.code === 'ERR_BUS_PROTOCOL') throw cause;
    throw new BusError('ERR_BUS_PROTOCOL', 'A D-Bus message could not be read; it is ignored.', { cause });
  }
}
