import { type Bus, connectBus } from '../../dbus/index.js';
import type { Runtime } from '../../runtime.js';
import type { DeviceTimes } from './times.js';

/** What {@link onSystemBus} works with. */
export interface SystemBusOptions {
  /** Default: the machine's system bus. */
  readonly busAddress?: string;
  readonly times: DeviceTimes;
  readonly runtime: Runtime;
}

/** Resolves when the signal is aborted. */
async function onAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/**
 * Runs `session` on a connection to the system bus, and again on another one when that has ended or could not be made,
 * ever more slowly, until `signal` is aborted. The signal of a session is aborted when its connection ends. Never rejects:
 * a machine without a system bus is a machine like any other.
 */
export async function onSystemBus(
  { busAddress, times, runtime }: SystemBusOptions,
  session: (bus: Bus, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { log } = runtime;
  const place = busAddress === undefined ? { bus: 'system' as const } : { address: busAddress };
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const bus = await connectBus({ ...place, signal, log, timeoutMs: times.connectMs });
      const closed = new AbortController();
      void bus.closed.then(() => closed.abort());
      const ended = AbortSignal.any([signal, closed.signal]);
      try {
        const since = runtime.monotonicMs();
        await Promise.race([session(bus, ended), onAborted(ended)]);
        if (runtime.monotonicMs() - since > times.reconnectMaxMs) failures = 0;
      } finally {
        await bus.close();
      }
    } catch (err) {
      if (!signal.aborted) log.debug({ event: 'device.bus', err }, 'The system bus could not be used.');
    }
    const pauseMs = Math.min(times.reconnectMaxMs, times.reconnectFirstMs * 2 ** Math.min(failures, 20));
    await runtime.sleep(pauseMs, signal).catch(() => {});
  }
}
