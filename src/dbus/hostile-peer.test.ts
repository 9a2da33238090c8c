import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PrivateBus, startPrivateBus } from '../demo/private-bus.js';
import { parseAddress } from './address.js';
import type { Bus } from './bus.js';
import { connectBus } from './connect.js';
import { type Connection, openConnection } from './connection.js';
import { errorNames } from './errors.js';
import {
  decodeBody,
  decodeHeader,
  encodeMessage,
  type MessageHeader,
  messageFlag,
  messageType,
  type OutgoingMessage,
} from './message.js';

let directory: string;
let daemon: PrivateBus;
let victim: Bus;
let noted: unknown[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  daemon = await startPrivateBus({ directory });
  victim = await connectBus({ address: daemon.address });
  const note = {
    in: 's',
    out: 's',
    handle: ({ args }: { args: readonly unknown[] }) => {
      noted.push(args[0]);
      return args;
    },
  };
  victim.export('/org/example/Test', [{ name: 'org.example.Test1', methods: { Note: note }, xml: '' }]);
});

afterAll(async () => {
  await victim?.close();
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

interface RawPeer {
  send(message: Partial<OutgoingMessage>, edit?: (bytes: Buffer) => Buffer): void;
  next(): Promise<MessageHeader>;
  readonly connection: Connection;
}

/** Somebody on the bus who writes messages as they like. */
async function rawPeer(): Promise<RawPeer> {
  const connection = await openConnection(parseAddress(daemon.address), AbortSignal.timeout(5000));
  const received: MessageHeader[] = [];
  let wake = (): void => {};
  connection.receive(({ header, body }) => {
    const facts = decodeHeader(header);
    if (facts.type === messageType.signal) return;
    received.push(facts);
    if (body !== undefined && facts.signature === 's') decodeBody(header[0] ?? 0, 's', body);
    wake();
  });
  const next = async (): Promise<MessageHeader> => {
    for (;;) {
      const one = received.shift();
      if (one !== undefined) return one;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  let serial = 0;
  const send: RawPeer['send'] = (message, edit = (bytes) => bytes) => {
    serial += 1;
    const call = {
      type: messageType.call,
      flags: 0,
      serial,
      destination: victim.uniqueName,
      path: '/org/example/Test',
      member: 'Note',
    };
    connection.send(edit(encodeMessage({ ...call, ...message })));
  };
  const hello = {
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'Hello',
  };
  send(hello);
  await next();
  return { send, next, connection };
}

it('gets no reply when none is expected, not even an error', async () => {
  const peer = await rawPeer();
  noted = [];
  const quiet = { flags: messageFlag.noReplyExpected, interface: 'org.example.Test1' };
  peer.send({ ...quiet, signature: 's', body: ['one'] });
  peer.send({ ...quiet, signature: 'u', body: [1] });
  peer.send({ ...quiet, member: 'Nothing' });
  peer.send({ signature: 's', body: ['two'], interface: 'org.example.Test1' });
  expect(await peer.next()).toMatchObject({ type: messageType.reply, replySerial: 5 });
  expect(noted).toEqual(['one', 'two']);
  peer.connection.end();
});

it('may leave out the interface', async () => {
  const peer = await rawPeer();
  peer.send({ signature: 's', body: ['x'] });
  expect(await peer.next()).toMatchObject({ type: messageType.reply, replySerial: 2 });
  peer.connection.end();
});

it('cannot end the program with a file descriptor that is not there', async () => {
  const peer = await rawPeer();
  // An index into no descriptors: `h` looks like `u` on the wire.
  peer.send({ signature: 'u', body: [0] }, (bytes) => {
    bytes[bytes.indexOf('\x01u\0', 0, 'latin1') + 1] = 'h'.charCodeAt(0);
    return bytes;
  });
  expect(await peer.next()).toMatchObject({ type: messageType.error, errorName: errorNames.invalidArgs });
  peer.connection.end();
});

it('cannot end the connection with a path or a body of a megabyte', async () => {
  const peer = await rawPeer();
  peer.send({ path: `/${'x'.repeat(1_100_000)}` });
  peer.send({ signature: 'ay', body: [new Uint8Array(100)] });
  expect(await peer.next()).toMatchObject({ errorName: errorNames.invalidArgs, replySerial: 3 });
  peer.send({ signature: 's', body: ['x'.repeat(1_100_000)] });
  expect(await peer.next()).toMatchObject({ errorName: errorNames.limitsExceeded, replySerial: 4 });
  peer.connection.end();
});

it('cannot answer in another’s place, or what was not asked', async () => {
  const peer = await rawPeer();
  for (let replySerial = 1; replySerial < 20; replySerial++) {
    peer.send({ type: messageType.reply, replySerial, signature: 's', body: ['forged'] });
    peer.send({ type: messageType.error, replySerial, errorName: 'org.example.Forged' });
  }
  peer.send({ signature: 's', body: ['after'] });
  expect(await peer.next()).toMatchObject({ type: messageType.reply });
  expect(await victim.listNames()).toContain(victim.uniqueName);
  peer.connection.end();
});

it('gets the standard error when it refuses properties or speaks to a path without an object', async () => {
  const peer = await rawPeer();
  const properties = 'org.freedesktop.DBus.Properties';
  const cases = [
    [{ interface: properties, member: 'GetAll', signature: 's', body: ['org.example.Test1'] }, undefined],
    [
      { interface: properties, member: 'GetAll', signature: 's', body: ['org.example.No'] },
      errorNames.unknownInterface,
    ],
    [
      { interface: properties, member: 'Get', signature: 'ss', body: ['org.example.Test1', 'X'] },
      errorNames.unknownProperty,
    ],
    [{ interface: 'org.freedesktop.DBus.Peer', member: 'Ping', path: '/nowhere' }, undefined],
    [{ interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect', path: '/' }, undefined],
    [{ interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect', path: '/org/example' }, undefined],
    [
      { interface: 'org.freedesktop.DBus.Introspectable', member: 'Introspect', path: '/nowhere' },
      errorNames.unknownObject,
    ],
  ] as const;
  for (const [message, errorName] of cases) {
    peer.send(message);
    const { type, errorName: got } = await peer.next();
    expect({ type, got }).toEqual({
      type: errorName === undefined ? messageType.reply : messageType.error,
      got: errorName,
    });
  }
  peer.connection.end();
});
