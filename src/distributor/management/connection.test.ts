import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { type Bus, type BusInterface, connectBus } from '../../dbus/index.js';
import { type PrivateBus, startPrivateBus } from '../../demo/private-bus.js';
import { createHealth } from '../health.js';
import { openManagement } from './connection.js';
import { management1 } from './interface.js';
import { managementInterface, managementName, managementPath } from './names.js';

async function privateBus(): Promise<PrivateBus> {
  const bus = await startPrivateBus({ directory: join(await temporaryDirectory(), 'bus') });
  onTestFinished(() => bus.stop());
  return bus;
}

/** A management connection whose answers are numbered; it ends with the test. */
async function open(address: string, text?: string) {
  const time = createManualTime();
  const said: string[] = [];
  const log = (facts: Readonly<Record<string, unknown>>): void => void said.push(String(facts.event));
  const runtime = { ...time.runtime, log: { debug: () => {}, info: log, warn: log, error: log } };
  const health = createHealth(runtime);
  const connections: Bus[] = [];
  const answer = async (): Promise<never> => (text ?? { answer: connections.length }) as never;
  const interfaces: readonly BusInterface[] = [
    management1({ status: answer, apps: answer }, async () => ({ changed: [] })),
  ];
  const ending = new AbortController();
  const connect = async (signal: AbortSignal): Promise<Bus> => {
    const bus = await connectBus({ address, signal });
    connections.push(bus);
    return bus;
  };
  const { ended } = await openManagement({ connect, interfaces, health, runtime }, ending.signal);
  const end = async (): Promise<void> => {
    ending.abort();
    await ended;
  };
  onTestFinished(end);
  return { time, said, health, connections, end };
}

async function client(address: string): Promise<Bus> {
  const bus = await connectBus({ address });
  onTestFinished(() => bus.close());
  return bus;
}

const ask = async (bus: Bus): Promise<unknown> => {
  const [json] = await bus.call({
    destination: managementName,
    path: managementPath,
    interface: managementInterface,
    member: 'Status',
    replySignature: 's',
  });
  return JSON.parse(String(json));
};

describe('the management connection', () => {
  it('answers under its name, and is gone at the end', async () => {
    const { address } = await privateBus();
    const management = await open(address);
    const bus = await client(address);
    expect(await ask(bus)).toEqual({ answer: 1 });
    await management.end();
    expect(await bus.nameOwner(managementName)).toBeUndefined();
    expect([management.said, management.health.troubles()]).toEqual([[], []]);
  });

  it('tells its interface to whoever introspects it', async () => {
    const { address } = await privateBus();
    await open(address);
    const [xml] = await (await client(address)).call({
      destination: managementName,
      path: managementPath,
      interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect',
    });
    expect(xml).toContain('<interface name="org.mailpush.Management1">');
    expect(xml).toContain('<method name="Status">');
  });

  it('carries an answer of a million bytes', async () => {
    const { address } = await privateBus();
    const management = await open(address, 'x'.repeat(999_000));
    expect(await ask(await client(address))).toHaveLength(999_000);
    expect(management.said).toEqual([]);
  });

  it('is made again when it dies, without a word', async () => {
    const { address } = await privateBus();
    const management = await open(address);
    await management.connections[0]?.close();
    await expect.poll(() => management.time.sleepers()).toEqual([1000]);
    management.time.pass(1000);
    const bus = await client(address);
    await expect.poll(() => bus.nameOwner(managementName)).toBe(management.connections[1]?.uniqueName);
    expect(await ask(bus)).toEqual({ answer: 2 });
    expect([management.said, management.health.troubles()]).toEqual([[], []]);
  });

  it('warns once while another program has its name, and takes it as soon as it can', async () => {
    const { address } = await privateBus();
    const other = await client(address);
    await other.requestName(managementName);
    const management = await open(address);
    expect(management.said).toEqual(['management.failed']);
    expect(management.health.troubles()).toMatchObject([
      { source: 'management', sentence: expect.stringMatching(/^Another program owns .*: end it\.$/) },
    ]);
    await expect.poll(() => management.time.sleepers()).toEqual([1000]);
    management.time.pass(1000);
    await expect.poll(() => management.time.sleepers()).toEqual([2000]);
    await other.close();
    management.time.pass(2000);
    await expect.poll(() => management.health.troubles()).toEqual([]);
    expect(await ask(await client(address))).toEqual({ answer: 3 });
    expect(management.said).toEqual(['management.failed']);
  });

  it('lets its caller go on, and can be ended, when there is no bus any more', async () => {
    const bus = await privateBus();
    await bus.stop();
    const management = await open(bus.address);
    expect(management.said).toEqual(['management.failed']);
    expect(management.health.troubles()).toMatchObject([{ source: 'management' }]);
    await management.end();
  });

  it('asks once for all who ask at the same time', async () => {
    let asked = 0;
    let answer = (_: never): void => {};
    const status = (): Promise<never> => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const method = management1({ status, apps: status }, async () => ({ changed: [] })).methods.Status;
    const call = { sender: ':1.1', member: 'Status', args: [] };
    const both = [method?.handle(call), method?.handle(call)];
    expect(asked).toBe(1);
    answer({ a: 1 } as never);
    expect(await Promise.all(both)).toEqual([['{"a":1}'], ['{"a":1}']]);
    void method?.handle(call);
    expect(asked).toBe(2);
  });
});
