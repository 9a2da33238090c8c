import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { connectBus, type Variant, type VariantDict, variantValue } from '../../src/dbus/index.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import { describeUnless } from '../tools/describe-unless.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';

/** Debian's own Python, for which python3-dbusmock and umockdev are packaged. */
const python = '/usr/bin/python3';
const machineScript = fileURLToPath(new URL('./machine.py', import.meta.url));
const upowerd = ['/usr/libexec/upowerd', '/usr/lib/upower/upowerd', '/usr/lib/upowerd'].find((file) =>
  existsSync(file),
);

/** The services, and what of each is there when it answers. */
const services = {
  upower: {
    service: 'org.freedesktop.UPower',
    path: '/org/freedesktop/UPower',
    interface: 'org.freedesktop.UPower',
  },
  networkmanager: {
    service: 'org.freedesktop.NetworkManager',
    path: '/org/freedesktop/NetworkManager',
    interface: 'org.freedesktop.NetworkManager',
  },
  logind: {
    service: 'org.freedesktop.login1',
    path: '/org/freedesktop/login1',
    interface: 'org.freedesktop.login1.Manager',
  },
} as const;
const displayDevice = {
  service: services.upower.service,
  path: '/org/freedesktop/UPower/devices/DisplayDevice',
  interface: 'org.freedesktop.UPower.Device',
} as const;

/** One of the services. */
export type ServiceName = keyof typeof services;

/** What the battery is like: charging while it is plugged in, with so many percent; UPower warns below 20. */
export interface PowerFacts {
  readonly plugged: boolean;
  readonly percent: number;
}

/** What the network is like; numbers are `NMMetered`, `NMState` and `NMConnectivityState`. */
export interface NetworkFacts {
  readonly metered?: number;
  readonly state?: number;
  readonly connectivity?: number;
  readonly primary?: string;
}

/**
 * A system bus of its own. On it is the real UPower, with a battery made by umockdev, and NetworkManager and logind as
 * python-dbusmock plays them, because they would take over the machine.
 */
export interface DeviceServices {
  readonly bus: PrivateBus;
  /** Starts a service if it does not run; resolves when it answers. */
  start(name: ServiceName): Promise<void>;
  /** Ends a service and resolves when it has left the bus. */
  end(name: ServiceName): Promise<void>;
  /** Changes the battery, at first plugged in with 80 percent; resolves when a running UPower tells it. */
  power(facts: Partial<PowerFacts>): Promise<void>;
  network(facts: NetworkFacts): Promise<void>;
  /** The machine falls asleep, or is awake again. */
  sleep(isAsleep: boolean): Promise<void>;
  stop(): Promise<void>;
}

function missing(): string | undefined {
  const modules = 'import dbusmock, gi; gi.require_version("UMockdev", "1.0"); from gi.repository import UMockdev';
  const hasModules = spawnSync(python, ['-c', modules], { stdio: 'ignore' }).status === 0;
  const hasWrapper = spawnSync('umockdev-wrapper', ['true'], { stdio: 'ignore' }).status === 0;
  if (hasModules && hasWrapper && upowerd !== undefined) return undefined;
  return 'It needs upower, umockdev, gir1.2-umockdev-1.0 and python3-dbusmock: run scripts/test-servers.';
}

/**
 * `describe` for tests with these services. Where one is missing they are left out and the reason is printed;
 * `MAILPUSH_TEST_SERVERS=all` makes that a failure.
 */
export function describeWithDeviceServices(name: string, tests: () => void): void {
  describeUnless(missing(), name, tests);
}

const properties = 'org.freedesktop.DBus.Properties';
const mock = 'org.freedesktop.DBus.Mock';

/** Starts the bus, without any service. */
export async function startDeviceServices(): Promise<DeviceServices> {
  const directory = await makeTemporaryDirectory();
  const bus = await startPrivateBus({ directory: join(directory.path, 'bus') });
  const client = await connectBus({ address: bus.address });
  const history = join(directory.path, 'upower');
  await mkdir(history);
  const environment = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus.address, UPOWER_HISTORY_DIR: history };
  const processes = new Map<ServiceName, ChildProcessByStdio<Writable, null, null>>();
  let battery: PowerFacts = { plugged: true, percent: 80 };

  async function call(
    name: ServiceName,
    [interfaceName, member]: readonly [string, string],
    signature: string,
    args: readonly unknown[],
  ): Promise<void> {
    const { service, path } = services[name];
    await client.call({ destination: service, path, interface: interfaceName, member, signature, args });
  }

  async function read(object: { service: string; path: string; interface: string }): Promise<VariantDict> {
    const [all] = await client.call({
      destination: object.service,
      path: object.path,
      interface: properties,
      member: 'GetAll',
      signature: 's',
      args: [object.interface],
      replySignature: 'a{sv}',
    });
    return all as VariantDict;
  }

  async function answers(name: ServiceName): Promise<boolean> {
    return await read(services[name]).then(
      (found) => Object.keys(found).length > 0,
      () => false,
    );
  }

  /** What UPower says of the battery. */
  async function told(): Promise<PowerFacts> {
    const [power, display] = await Promise.all([read(services.upower), read(displayDevice)]);
    const isOnBattery = variantValue(power, 'OnBattery', 'b');
    return { plugged: isOnBattery === false, percent: Math.round(variantValue(display, 'Percentage', 'd') ?? -1) };
  }

  const say = (child: { stdin: Writable }): boolean => child.stdin.write(`${JSON.stringify(battery)}\n`);

  function kill(child: { readonly pid?: number | undefined }): void {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }

  return {
    bus,
    start: async (name) => {
      if (processes.has(name)) return;
      const [command, args] =
        name === 'upower'
          ? ['umockdev-wrapper', [python, machineScript, upowerd ?? '']]
          : [python, ['-m', 'dbusmock', '--system', '--template', name]];
      const child = spawn(command, args, { env: environment, stdio: ['pipe', 'ignore', 'ignore'], detached: true });
      child.stdin.on('error', () => {});
      processes.set(name, child);
      if (name === 'upower') say(child);
      await expect.poll(() => answers(name), { timeout: 30_000 }).toBe(true);
      if (name === 'upower') await expect.poll(told, { timeout: 30_000 }).toEqual(battery);
      if (name !== 'networkmanager') return;
      // The template leaves out what it has no use for.
      const owner = services.networkmanager.interface;
      await call(name, [mock, 'AddProperty'], 'ssv', [owner, 'Metered', { signature: 'u', value: 0 }]);
      await call(name, [mock, 'AddProperty'], 'ssv', [owner, 'PrimaryConnection', { signature: 'o', value: '/' }]);
    },
    end: async (name) => {
      const child = processes.get(name);
      if (child === undefined) return;
      processes.delete(name);
      const gone = once(child, 'exit');
      kill(child);
      await gone;
      await expect.poll(() => client.nameOwner(services[name].service)).toBeUndefined();
    },
    power: async (facts) => {
      battery = { ...battery, ...facts };
      const child = processes.get('upower');
      if (child === undefined) return;
      say(child);
      await expect.poll(told, { timeout: 30_000 }).toEqual(battery);
    },
    network: async ({ metered, state, connectivity, primary }) => {
      const values = { Metered: metered, State: state, Connectivity: connectivity, PrimaryConnection: primary };
      for (const [key, value] of Object.entries(values)) {
        if (value === undefined) continue;
        const variant: Variant = { signature: key === 'PrimaryConnection' ? 'o' : 'u', value };
        const args = [services.networkmanager.interface, key, variant];
        await call('networkmanager', [properties, 'Set'], 'ssv', args);
      }
    },
    sleep: async (isAsleep) => {
      const args = [services.logind.interface, 'PrepareForSleep', 'b', [{ signature: 'b', value: isAsleep }]];
      await call('logind', [mock, 'EmitSignal'], 'sssav', args);
    },
    stop: async () => {
      for (const child of processes.values()) kill(child);
      await client.close();
      await bus.stop();
      await directory.remove();
    },
  };
}
