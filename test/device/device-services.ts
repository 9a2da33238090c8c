import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bus, connectBus, type Variant } from '../../src/dbus/index.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';

/** Debian's own Python, for which python3-dbusmock is packaged. */
const python = '/usr/bin/python3';

/** Names of the templates of python-dbusmock, with what each puts on the bus. */
const templates = {
  upower: { service: 'org.freedesktop.UPower', path: '/org/freedesktop/UPower' },
  networkmanager: { service: 'org.freedesktop.NetworkManager', path: '/org/freedesktop/NetworkManager' },
  logind: { service: 'org.freedesktop.login1', path: '/org/freedesktop/login1' },
} as const;

/** One of the services. */
export type ServiceName = keyof typeof templates;

/** `WarningLevel` of UPower. */
export const warningLevels = { none: 1, low: 3, critical: 4 } as const;

/** What the battery is like. */
export interface PowerFacts {
  readonly onBattery?: boolean;
  readonly warningLevel?: number;
}

/** What the network is like; numbers are `NMMetered`, `NMState` and `NMConnectivityState`. */
export interface NetworkFacts {
  readonly metered?: number;
  readonly state?: number;
  readonly connectivity?: number;
  readonly primary?: string;
}

/** A system bus of its own with UPower, NetworkManager and logind on it, as python-dbusmock shows them. */
export interface DeviceServices {
  readonly bus: PrivateBus;
  /** Starts a service if it does not run; resolves when it answers. */
  start(name: ServiceName): Promise<void>;
  /** Ends a service and resolves when it has left the bus. */
  end(name: ServiceName): Promise<void>;
  /** Lets a service hang until `end`: it keeps its name and answers nothing. */
  hang(name: ServiceName): void;
  power(facts: PowerFacts): Promise<void>;
  network(facts: NetworkFacts): Promise<void>;
  /** The machine falls asleep, or is awake again. */
  sleep(isAsleep: boolean): Promise<void>;
  stop(): Promise<void>;
}

function missing(): string | undefined {
  const { status } = spawnSync(python, ['-c', 'import dbusmock'], { stdio: 'ignore' });
  if (status === 0) return undefined;
  return 'UPower, NetworkManager and logind are played by python3-dbusmock: run scripts/test-servers.';
}

/**
 * `describe` for tests with these services. Without python3-dbusmock they are left out and the reason is printed;
 * `MAILPUSH_TEST_SERVERS=all` makes that a failure.
 */
export function describeWithDeviceServices(name: string, tests: () => void): void {
  const reason = missing();
  if (reason === undefined) {
    describe(name, tests);
  } else if (process.env.MAILPUSH_TEST_SERVERS === 'all') {
    it(name, () => {
      throw new Error(reason);
    });
  } else {
    console.warn(`Left out: ${name}. ${reason}`);
    describe.skip(name, tests);
  }
}

const properties = 'org.freedesktop.DBus.Properties';
const mock = 'org.freedesktop.DBus.Mock';
const manager = 'org.freedesktop.NetworkManager';
const displayDevice = '/org/freedesktop/UPower/devices/DisplayDevice';

/** Starts the bus, without any service. */
export async function startDeviceServices(): Promise<DeviceServices> {
  const directory = await makeTemporaryDirectory();
  const bus = await startPrivateBus({ directory: join(directory.path, 'bus') });
  const client: Bus = await connectBus({ address: bus.address });
  const processes = new Map<ServiceName, ReturnType<typeof spawn>>();

  async function call(
    name: ServiceName,
    [path, interfaceName, member]: readonly [string, string, string],
    signature: string,
    args: readonly unknown[],
  ): Promise<readonly unknown[]> {
    const destination = templates[name].service;
    return await client.call({ destination, path, interface: interfaceName, member, signature, args });
  }

  async function set(
    name: ServiceName,
    path: string,
    interfaceName: string,
    key: string,
    value: Variant,
  ): Promise<void> {
    await call(name, [path, properties, 'Set'], 'ssv', [interfaceName, key, value]);
  }

  async function answers(name: ServiceName): Promise<boolean> {
    const interfaceName = {
      upower: 'org.freedesktop.UPower',
      networkmanager: manager,
      logind: `${templates.logind.service}.Manager`,
    };
    const all = call(name, [templates[name].path, properties, 'GetAll'], 's', [interfaceName[name]]);
    return await all.then(
      ([found]) => Object.keys(found as object).length > 0,
      () => false,
    );
  }

  return {
    bus,
    start: async (name) => {
      if (processes.has(name)) return;
      const child = spawn(python, ['-m', 'dbusmock', '--system', '--template', name], {
        env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus.address },
        stdio: 'ignore',
      });
      processes.set(name, child);
      await expect.poll(() => answers(name), { timeout: 30_000 }).toBe(true);
      if (name !== 'networkmanager') return;
      // The template leaves out what it has no use for.
      const add = [templates.networkmanager.path, mock, 'AddProperty'] as const;
      await call(name, add, 'ssv', [manager, 'Metered', { signature: 'u', value: 0 }]);
      await call(name, add, 'ssv', [manager, 'PrimaryConnection', { signature: 'o', value: '/' }]);
    },
    end: async (name) => {
      const child = processes.get(name);
      processes.delete(name);
      if (child === undefined) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await expect.poll(() => client.nameOwner(templates[name].service)).toBeUndefined();
    },
    hang: (name) => {
      processes.get(name)?.kill('SIGSTOP');
    },
    power: async ({ onBattery, warningLevel }) => {
      if (warningLevel !== undefined) {
        const level = { signature: 'u', value: warningLevel };
        await set('upower', displayDevice, 'org.freedesktop.UPower.Device', 'WarningLevel', level);
      }
      if (onBattery !== undefined) {
        const value = { signature: 'b', value: onBattery };
        await set('upower', templates.upower.path, 'org.freedesktop.UPower', 'OnBattery', value);
      }
    },
    network: async ({ metered, state, connectivity, primary }) => {
      const values = { Metered: metered, State: state, Connectivity: connectivity, PrimaryConnection: primary };
      for (const [key, value] of Object.entries(values)) {
        if (value === undefined) continue;
        const variant = { signature: key === 'PrimaryConnection' ? 'o' : 'u', value };
        await set('networkmanager', templates.networkmanager.path, manager, key, variant);
      }
    },
    sleep: async (isAsleep) => {
      const args = ['org.freedesktop.login1.Manager', 'PrepareForSleep', 'b', [{ signature: 'b', value: isAsleep }]];
      await call('logind', [templates.logind.path, mock, 'EmitSignal'], 'sssav', args);
    },
    stop: async () => {
      for (const child of processes.values()) child.kill('SIGKILL');
      await client.close();
      await bus.stop();
      await directory.remove();
    },
  };
}
