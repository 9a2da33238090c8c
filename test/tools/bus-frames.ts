import { onTestFinished } from 'vitest';
import { parseAddress } from '../../src/dbus/address.js';
import { openConnection } from '../../src/dbus/connection.js';
import {
  decodeBody,
  decodeHeader,
  encodeMessage,
  type MessageHeader,
  messageType,
  type OutgoingMessage,
} from '../../src/dbus/message.js';

/** A connection to the bus on which every message is seen in the order in which it came. */
export interface BusFrames {
  readonly uniqueName: string;
  readonly received: readonly { readonly header: MessageHeader; readonly body: readonly unknown[] }[];
  /** Sends a method call and does not wait for its reply; returns its serial. */
  call(call: Omit<OutgoingMessage, 'type' | 'flags' | 'serial'>): number;
  /** Sends a signal, to everybody who has a rule for it unless it has a destination. `edit` may spoil its bytes. */
  signal(message: Omit<OutgoingMessage, 'type' | 'flags' | 'serial'>, edit?: (bytes: Buffer) => Buffer): void;
}

/** Connects for one test. */
export async function connectFrames(address: string): Promise<BusFrames> {
  const connection = await openConnection(parseAddress(address, process.env), AbortSignal.timeout(10_000));
  onTestFinished(() => connection.end());
  const received: { header: MessageHeader; body: readonly unknown[] }[] = [];
  let serial = 0;
  let greeted = (_: string): void => {};
  const greeting = new Promise<string>((resolve) => {
    greeted = resolve;
  });
  connection.receive(({ header: bytes, body }) => {
    const header = decodeHeader(bytes);
    const values = decodeBody(bytes[0] ?? 0, header.signature, body ?? Buffer.alloc(0));
    received.push({ header, body: values });
    if (header.type === messageType.reply && header.replySerial === 1) greeted(String(values[0]));
  });
  const call: BusFrames['call'] = (message) => {
    serial += 1;
    connection.send(encodeMessage({ ...message, type: messageType.call, flags: 0, serial }));
    return serial;
  };
  const signal: BusFrames['signal'] = (message, edit = (bytes) => bytes) => {
    serial += 1;
    connection.send(edit(encodeMessage({ ...message, type: messageType.signal, flags: 1, serial })));
  };
  const bus = 'org.freedesktop.DBus';
  call({ destination: bus, path: '/org/freedesktop/DBus', interface: bus, member: 'Hello' });
  return { uniqueName: await greeting, received, call, signal };
}
