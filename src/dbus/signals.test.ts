import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type BusFrames, connectFrames } from '../../test/tools/bus-frames.js';
import { type PrivateBus, startPrivateBus } from '../demo/private-bus.js';
import type { Bus, SignalPattern } from './bus.js';
import { connectBus } from './connect.js';

let directory: string;
let daemon: PrivateBus;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mailpush-bus-'));
  daemon = await startPrivateBus({ directory });
});

afterAll(async () => {
  await daemon?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function connect(): Promise<Bus> {
  const bus = await connectBus({ address: daemon.address });
  onTestFinished(() => bus.close());
  return bus;
}

const daemonObject = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus' } as const;

async function requestName(peer: BusFrames, name: string): Promise<void> {
  const serial = peer.call({
    ...daemonObject,
    interface: 'org.freedesktop.DBus',
    member: 'RequestName',
    signature: 'su',
    body: [name, 0],
  });
  await expect.poll(() => peer.received.some(({ header }) => header.replySerial === serial)).toBe(true);
}

async function releaseName(peer: BusFrames, name: string): Promise<void> {
  const serial = peer.call({
    ...daemonObject,
    interface: 'org.freedesktop.DBus',
    member: 'ReleaseName',
    signature: 's',
    body: [name],
  });
  await expect.poll(() => peer.received.some(({ header }) => header.replySerial === serial)).toBe(true);
}

const sent = { path: '/org/example/Lamp', interface: 'org.example.Lamp1', member: 'Changed', signature: 's' } as const;

function lamp(sender: string, more: Partial<SignalPattern> = {}): SignalPattern {
  return { ...sent, sender, ...more };
}

/** Watches, and gives what came; `settled` resolves when everything has come that was sent before it was called. */
async function heard(bus: Bus, pattern: SignalPattern): Promise<{ args: unknown[]; stop: () => void }> {
  const args: unknown[] = [];
  const stop = await bus.watchSignal(pattern, (values) => args.push(...values));
  return { args, stop };
}

/** Sends a last word that is listened to, and waits for it: the bus keeps the order of one sender. */
async function flush(bus: Bus, peer: BusFrames): Promise<void> {
  const last = { ...sent, member: 'Last' };
  const said = await heard(bus, { ...last, sender: peer.uniqueName });
  peer.signal({ ...last, body: ['last'] });
  await expect.poll(() => said.args).toEqual(['last']);
  said.stop();
}

it('hears a signal of the owner of a name, until the watch is ended', async () => {
  const [bus, peer] = [await connect(), await connectFrames(daemon.address)];
  await requestName(peer, 'org.example.Heard');
  const { args, stop } = await heard(bus, lamp('org.example.Heard'));
  peer.signal({ ...sent, body: ['on'] });
  await flush(bus, peer);
  expect(args).toEqual(['on']);
  stop();
  stop();
  peer.signal({ ...sent, body: ['off'] });
  await flush(bus, peer);
  expect(args).toEqual(['on']);
});

it('hears a signal once in each of several watches, and one that fails harms none', async () => {
  const [bus, peer] = [await connect(), await connectFrames(daemon.address)];
  const first = await heard(bus, lamp(peer.uniqueName));
  await bus.watchSignal(lamp(peer.uniqueName), () => {
    throw new Error('a bad listener');
  });
  const last = await heard(bus, lamp(peer.uniqueName));
  peer.signal({ ...sent, body: ['on'] });
  await flush(bus, peer);
  expect([first.args, last.args]).toEqual([['on'], ['on']]);
  first.stop();
  peer.signal({ ...sent, body: ['off'] });
  await flush(bus, peer);
  expect([first.args, last.args]).toEqual([['on'], ['on', 'off']]);
});

it('follows a name to its next owner, and does not hear who had it before', async () => {
  const bus = await connect();
  const [before, after] = [await connectFrames(daemon.address), await connectFrames(daemon.address)];
  const { args } = await heard(bus, lamp('org.example.Followed'));
  before.signal({ ...sent, destination: bus.uniqueName, body: ['too early'] });
  await flush(bus, before);
  await requestName(before, 'org.example.Followed');
  before.signal({ ...sent, body: ['first'] });
  await flush(bus, before);
  await releaseName(before, 'org.example.Followed');
  await requestName(after, 'org.example.Followed');
  before.signal({ ...sent, destination: bus.uniqueName, body: ['too late'] });
  after.signal({ ...sent, body: ['second'] });
  await Promise.all([flush(bus, before), flush(bus, after)]);
  expect(args).toEqual(['first', 'second']);
});

it('ignores everybody else who sends the same, even straight to it', async () => {
  const bus = await connect();
  const [owner, stranger] = [await connectFrames(daemon.address), await connectFrames(daemon.address)];
  await requestName(owner, 'org.example.Owned');
  const { args } = await heard(bus, lamp('org.example.Owned'));
  const changes: unknown[] = [];
  await bus.watchNameOwners((change) => changes.push(change), 'org.example.Owned');
  stranger.signal({ ...sent, body: ['forged'] });
  stranger.signal({ ...sent, destination: bus.uniqueName, body: ['forged'] });
  stranger.signal({
    ...{ path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'NameOwnerChanged' },
    destination: bus.uniqueName,
    signature: 'sss',
    body: ['org.example.Owned', owner.uniqueName, stranger.uniqueName],
  });
  stranger.signal({ ...sent, destination: bus.uniqueName, body: ['forged again'] });
  await flush(bus, stranger);
  owner.signal({ ...sent, body: ['real'] });
  await flush(bus, owner);
  expect(args).toEqual(['real']);
  expect(changes).toEqual([]);
});

it('passes over what has another form: signature, path, interface, member, first argument, size', async () => {
  const [bus, peer] = [await connect(), await connectFrames(daemon.address)];
  const { args } = await heard(bus, lamp(peer.uniqueName, { firstArgument: "it's on" }));
  const to = { destination: bus.uniqueName };
  peer.signal({ ...sent, ...to, signature: 'u', body: [7] });
  peer.signal({ ...sent, ...to, signature: '', body: [] });
  peer.signal({ ...sent, ...to, path: '/org/example/Other', body: ["it's on"] });
  peer.signal({ ...sent, ...to, interface: 'org.example.Other1', body: ["it's on"] });
  peer.signal({ ...sent, ...to, member: 'Other', body: ["it's on"] });
  peer.signal({ ...sent, ...to, body: ["it's off"] });
  for (const size of [70_000, 1_100_000]) peer.signal({ ...sent, ...to, body: ['x'.repeat(size)] });
  peer.signal({ ...sent, body: ["it's on"] });
  await expect.poll(() => args).toEqual(["it's on"]);
  expect(await bus.listNames()).toContain(bus.uniqueName);
});

it('ignores a value that it cannot read, and hears the next', async () => {
  const [bus, peer] = [await connect(), await connectFrames(daemon.address)];
  const { args } = await heard(bus, lamp(peer.uniqueName, { signature: 'v' }));
  const text = { signature: 'v', body: [{ signature: 'u', value: 0 }] };
  // An index into no file descriptors: `h` looks like `u` on the wire.
  peer.signal({ ...sent, ...text }, (bytes) => {
    bytes[bytes.lastIndexOf('\x01u\0', undefined, 'latin1') + 1] = 'h'.charCodeAt(0);
    return bytes;
  });
  peer.signal({ ...sent, ...text });
  await expect.poll(() => args).toEqual([{ signature: 'u', value: 0 }]);
});

it('tells of one name when only that one is asked for', async () => {
  const [bus, peer] = [await connect(), await connectFrames(daemon.address)];
  const changes: unknown[] = [];
  const stop = await bus.watchNameOwners((change) => changes.push(change), 'org.example.One');
  await requestName(peer, 'org.example.Two');
  await requestName(peer, 'org.example.One');
  await bus.listNames();
  expect(changes).toEqual([{ name: 'org.example.One', oldOwner: '', newOwner: peer.uniqueName }]);
  stop();
});

it('refuses a malformed pattern, and more watches than any program needs', async () => {
  const bus = await connect();
  for (const wrong of [
    { sender: 'nodot' },
    { path: 'no/path' },
    { interface: 'x' },
    { member: 'a.b' },
    { signature: '?' },
    { firstArgument: 'nul\0' },
  ]) {
    await expect(bus.watchSignal(lamp(':1.1', wrong), () => {})).rejects.toMatchObject({ code: 'ERR_BUS_ARGUMENT' });
  }
  const stops = await Promise.all(Array.from({ length: 256 }, () => bus.watchSignal(lamp(':1.1'), () => {})));
  await expect(bus.watchSignal(lamp(':1.1'), () => {})).rejects.toMatchObject({ code: 'ERR_BUS_BUSY' });
  for (const stop of stops) stop();
  (await bus.watchSignal(lamp(':1.1'), () => {}))();
});

it('rejects when the bus is gone', async () => {
  const bus = await connect();
  await bus.close();
  await expect(bus.watchSignal(lamp('org.example.Any'), () => {})).rejects.toMatchObject({ code: 'ERR_BUS_CLOSED' });
});
