import type { Bus, SignalPattern, VariantDict } from '../../dbus/index.js';
import type { Runtime } from '../../runtime.js';
import { type DeviceReport, type DeviceState, describeDevice, minimumUrgency, unknownDevice } from './device-state.js';
import { followProperties } from './follow-properties.js';
import { type Connectivity, hasReturned, networkTarget, readConnectivity, readNetwork } from './network-manager.js';
import { onSystemBus, type SystemBusOptions } from './system-bus.js';
import { type DeviceTimes, deviceTimes } from './times.js';
import { batteryTarget, powerTarget, readPower } from './upower.js';

/** Why the mail server is to be tried at once: the machine was asleep, or the network is another. */
export type WakeReason = 'resumed' | 'network';

/** What a {@link Device} is made from. */
export interface DeviceOptions extends Pick<SystemBusOptions, 'busAddress'> {
  /** Default: {@link deviceTimes}. */
  readonly times?: DeviceTimes;
  readonly runtime: Runtime;
  /** Called with every new state; the one before the first is {@link unknownDevice}. */
  readonly changed: (state: DeviceState) => void;
  readonly wake: (reason: WakeReason) => void;
}

/** What the device is like, from UPower, NetworkManager and logind on the system bus, as far as they are there. */
export interface Device {
  /** Follows them until `signal` is aborted. Never rejects, and holds up nothing: whatever is wrong there means unknown. */
  run(signal: AbortSignal): Promise<void>;
  /** The state now, and what is held because of it. */
  describe(): DeviceReport;
}

/** logind says `true` before the machine sleeps and `false` when it is awake again. */
const prepareForSleep: SignalPattern = {
  sender: 'org.freedesktop.login1',
  path: '/org/freedesktop/login1',
  interface: 'org.freedesktop.login1.Manager',
  member: 'PrepareForSleep',
  signature: 'b',
};

/** Makes it; nothing is connected before it is run. */
export function createDevice({ runtime, changed, wake, times = deviceTimes, busAddress }: DeviceOptions): Device {
  const { log } = runtime;
  let state = unknownDevice;
  // Kept over the end of NetworkManager and of the bus, so that a return is noticed that happened meanwhile.
  let connectivity: Connectivity | undefined;

  function become(next: DeviceState): void {
    if (next.power === state.power && next.network === state.network) return;
    state = next;
    log.info(
      { event: 'device.changed', ...state, minimum: minimumUrgency(state) },
      'The state of the device has changed.',
    );
    changed(state);
  }

  function woken(reason: WakeReason): void {
    log.info({ event: 'device.woken', reason }, 'The mail server is tried at once.');
    wake(reason);
  }

  function takeConnectivity(now: Connectivity | undefined): void {
    const before = connectivity;
    connectivity = now ?? before;
    if (before !== undefined && now !== undefined && hasReturned(before, now)) woken('network');
  }

  async function session(bus: Bus, signal: AbortSignal): Promise<void> {
    let power: VariantDict | undefined;
    let battery: VariantDict | undefined;
    const options = { bus, times, runtime };
    await bus.watchSignal(prepareForSleep, ([isAsleep]) => {
      if (isAsleep === false) woken('resumed');
    });
    await Promise.all([
      followProperties(
        powerTarget,
        options,
        (all) => {
          power = all;
          become({ ...state, power: readPower(power, battery) });
        },
        signal,
      ),
      followProperties(
        batteryTarget,
        options,
        (all) => {
          battery = all;
          become({ ...state, power: readPower(power, battery) });
        },
        signal,
      ),
      followProperties(
        networkTarget,
        options,
        (all) => {
          become({ ...state, network: readNetwork(all) });
          takeConnectivity(readConnectivity(all));
        },
        signal,
      ),
    ]);
  }

  return {
    run: async (signal) => {
      const place = busAddress === undefined ? {} : { busAddress };
      await onSystemBus(
        { ...place, times, runtime },
        async (bus, ended) => {
          try {
            await session(bus, ended);
          } finally {
            if (!signal.aborted) become(unknownDevice);
          }
        },
        signal,
      );
    },
    describe: () => describeDevice(state),
  };
}
