import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeWithDeviceServices, startDeviceServices } from '../../../test/device/device-services.js';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { type Bus, type BusMethod, connectBus } from '../../dbus/index.js';
import { startPrivateBus } from '../../demo/private-bus.js';
import { createRuntime, type Runtime } from '../../runtime.js';
import { createDevice } from './device.js';
import { deviceTimes } from './times.js';

/** Short pauses, for tests in which real services answer. */
const quick = { ...deviceTimes, pauseMs: 1, reconnectFirstMs: 5, reconnectMaxMs: 50 };

/** Runs a device until the test ends, and keeps what it tells. */
function follow(busAddress: string, runtime: Runtime = createRuntime(), times = quick) {
  const seen: string[] = [];
  const ending = new AbortController();
  const device = createDevice({
    busAddress,
    runtime,
    times,
    changed: ({ power, network }) => seen.push(`${power}, ${network}`),
    wake: (reason) => seen.push(reason),
  });
  const ended = device.run(ending.signal);
  onTestFinished(async () => {
    ending.abort();
    await ended;
  });
  const why = (): string => device.describe().why;
  return { seen, why, minimum: () => device.describe().minimumUrgency };
}

async function services() {
  const started = await startDeviceServices();
  onTestFinished(() => started.stop());
  return started;
}

describeWithDeviceServices('a device with UPower, NetworkManager and logind', () => {
  it('is asked for its state at once and follows it', { timeout: 60_000 }, async () => {
    const machine = await services();
    await Promise.all([machine.start('upower'), machine.start('networkmanager')]);
    await machine.power({ plugged: false });
    await machine.network({ metered: 1 });
    const { minimum, why } = follow(machine.bus.address);
    await expect.poll(minimum).toBe('normal');
    await machine.power({ percent: 15 });
    await expect.poll(minimum).toBe('high');
    await machine.power({ plugged: true, percent: 80 });
    await expect.poll(minimum).toBe('low');
    await machine.network({ metered: 4 });
    await expect.poll(minimum).toBe('very-low');
    expect(why()).toBe('The device is plugged in and the network is unmetered: no push is held.');
  });

  it('finds services that come later, and holds nothing when they are gone', { timeout: 60_000 }, async () => {
    const machine = await services();
    const { seen, minimum } = follow(machine.bus.address);
    await Promise.all([machine.start('upower'), machine.start('networkmanager')]);
    await machine.network({ metered: 3 });
    await machine.power({ plugged: false, percent: 4 });
    await expect.poll(minimum).toBe('high');
    await machine.end('upower');
    await expect.poll(minimum).toBe('low');
    await machine.end('networkmanager');
    await expect.poll(minimum).toBe('very-low');
    expect(seen.at(-1)).toBe('unknown, unknown');
    await machine.start('upower');
    await expect.poll(minimum).toBe('high');
    await machine.power({ plugged: true });
    await expect.poll(minimum).toBe('very-low');
  });

  it('holds nothing when the bus dies', { timeout: 60_000 }, async () => {
    const machine = await services();
    await machine.start('upower');
    await machine.power({ plugged: false });
    const { minimum } = follow(machine.bus.address);
    await expect.poll(minimum).toBe('low');
    process.kill(machine.bus.pid, 'SIGKILL');
    await expect.poll(minimum).toBe('very-low');
  });

  it('tells of waking up and of the return of the network, and of nothing else', { timeout: 60_000 }, async () => {
    const machine = await services();
    await Promise.all([machine.start('logind'), machine.start('networkmanager')]);
    await machine.network({ metered: 4, state: 70, connectivity: 4, primary: '/org/example/1' });
    const { seen } = follow(machine.bus.address);
    await expect.poll(() => seen).toEqual(['unknown, unmetered']);
    await machine.sleep(true);
    await machine.sleep(false);
    await expect.poll(() => seen).toEqual(['unknown, unmetered', 'resumed']);
    await machine.network({ state: 20 });
    await machine.network({ metered: 0 });
    await expect.poll(() => seen.at(-1)).toBe('unknown, unknown');
    await machine.network({ state: 70 });
    await expect.poll(() => seen.at(-1)).toBe('network');
    await machine.network({ primary: '/org/example/2' });
    await expect.poll(() => seen.filter((one) => one === 'network')).toHaveLength(2);
  });
});

const properties = 'org.freedesktop.DBus.Properties';

/** Somebody who has the name of a service and answers as they like. */
async function impostor(address: string, name: string, path: string, getAll: BusMethod['handle'], out = 'a{sv}') {
  const bus = await connectBus({ address });
  onTestFinished(() => bus.close());
  bus.export(path, [{ name: properties, methods: { GetAll: { in: 's', out, handle: getAll } }, xml: '' }]);
  await bus.requestName(name);
  return bus;
}

async function emptyBus(): Promise<string> {
  const bus = await startPrivateBus({ directory: join(await temporaryDirectory(), 'bus') });
  onTestFinished(() => bus.stop());
  return bus.address;
}

const upower = ['org.freedesktop.UPower', '/org/freedesktop/UPower'] as const;
const networkManager = ['org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager'] as const;

it('has the bus start UPower, and no other service', async () => {
  const directory = join(await temporaryDirectory(), 'bus');
  const bus = await startPrivateBus({ directory });
  onTestFinished(() => bus.stop());
  for (const name of ['org.freedesktop.UPower', 'org.freedesktop.NetworkManager', 'org.freedesktop.login1']) {
    const script = join(directory, name);
    await writeFile(script, '#!/bin/sh\ntouch "$0.started"\nexit 1\n', { mode: 0o700 });
    const service = `[D-BUS Service]\nName=${name}\nExec=${script}\n`;
    await writeFile(join(directory, 'services', `${name}.service`), service);
  }
  const time = createManualTime();
  const { seen } = follow(bus.address, time.runtime, deviceTimes);
  // Each of the three objects has been asked for.
  await expect.poll(() => time.sleepers()).toEqual(Array(3).fill(deviceTimes.pauseMs));
  const started = (await readdir(directory)).filter((name) => name.endsWith('.started'));
  expect(started).toEqual(['org.freedesktop.UPower.started']);
  expect(seen).toEqual([]);
});

it('is not known while a service hangs, and is asked for again', async () => {
  const address = await emptyBus();
  const time = createManualTime();
  const answer = { OnBattery: { signature: 'b', value: true } };
  let calls = 0;
  await impostor(address, ...upower, () => {
    calls += 1;
    return calls === 1 ? new Promise(() => {}) : [answer];
  });
  const { minimum } = follow(address, time.runtime, { ...deviceTimes, readMs: 1000 });
  await expect.poll(() => calls).toBe(1);
  expect(minimum()).toBe('very-low');
  // The battery has no object and is asked again in the same time.
  await expect.poll(() => time.sleepers().filter((ms) => ms === deviceTimes.pauseMs)).toHaveLength(3);
  time.pass(deviceTimes.pauseMs);
  await expect.poll(() => time.sleepers().filter((ms) => ms === deviceTimes.retryMs)).toHaveLength(2);
  time.pass(deviceTimes.retryMs);
  await expect.poll(minimum).toBe('low');
  expect(calls).toBe(2);
});

it('is not known from a service that answers rubbish, and one that refuses', async () => {
  const address = await emptyBus();
  let asked = 0;
  const count = (answer: readonly unknown[]) => () => {
    asked += 1;
    return answer;
  };
  await impostor(address, ...upower, count(['on battery']), 's');
  await impostor(address, ...networkManager, () => {
    asked += 1;
    throw new Error('no');
  });
  const { seen } = follow(address);
  await expect.poll(() => asked).toBe(2);
  expect(seen).toEqual([]);
});

it('is read again at most once in a pause, however many changes a service tells', async () => {
  const address = await emptyBus();
  const time = createManualTime();
  let calls = 0;
  const answer = (): readonly unknown[] => {
    calls += 1;
    return [{ Metered: { signature: 'u', value: 1 } }];
  };
  let owner: Bus | undefined = await impostor(address, ...networkManager, answer);
  const { seen } = follow(address, time.runtime, deviceTimes);
  await expect.poll(() => seen).toEqual(['unknown, metered']);
  for (let turn = 0; turn < 20; turn++) {
    await owner?.close();
    owner = await impostor(address, ...networkManager, answer);
  }
  await owner?.listNames();
  expect(calls).toBe(1);
  time.pass(deviceTimes.pauseMs);
  await expect.poll(() => calls).toBe(2);
});

it('is not known where there is no bus, which is tried again ever more slowly', async () => {
  const time = createManualTime();
  const { seen, minimum } = follow('unix:path=/nonexistent/bus', time.runtime, deviceTimes);
  for (const ms of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000)) {
    await expect.poll(() => time.sleepers()).toEqual([ms]);
    time.pass(ms);
  }
  expect([seen, minimum()]).toEqual([[], 'very-low']);
});

it('finds a bus that comes later, and again after its death', async () => {
  const directory = join(await temporaryDirectory(), 'bus');
  const { seen } = follow(`unix:path=${directory}/bus`);
  for (const life of [1, 2]) {
    const bus = await startPrivateBus({ directory });
    onTestFinished(() => bus.stop());
    await impostor(bus.address, ...upower, () => [{ OnBattery: { signature: 'b', value: true } }]);
    await expect.poll(() => seen).toHaveLength(2 * life - 1);
    process.kill(bus.pid, 'SIGKILL');
    await expect.poll(() => seen).toHaveLength(2 * life);
    await bus.stop();
  }
  const twice = ['on battery, unknown', 'unknown, unknown'];
  expect(seen).toEqual([...twice, ...twice]);
});

it('is not held up by a bus that hangs', async () => {
  const bus = await startPrivateBus({ directory: join(await temporaryDirectory(), 'bus') });
  onTestFinished(async () => {
    process.kill(bus.pid, 'SIGCONT');
    await bus.stop();
  });
  process.kill(bus.pid, 'SIGSTOP');
  const time = createManualTime();
  const { minimum } = follow(bus.address, time.runtime, { ...deviceTimes, connectMs: 10 });
  await expect.poll(() => time.sleepers()).toEqual([deviceTimes.reconnectFirstMs]);
  expect(minimum()).toBe('very-low');
});
