import { type Bus, BusCallError, errorNames, type VariantDict } from '../../dbus/index.js';
import type { Runtime } from '../../runtime.js';
import { createNews } from './news.js';
import type { DeviceTimes } from './times.js';

/** Whose properties are followed. */
export interface PropertiesTarget {
  readonly service: string;
  readonly path: string;
  readonly interface: string;
  /** Whether the bus may start the service for the first read. */
  readonly mayStart: boolean;
}

/** What {@link followProperties} works with. */
export interface FollowOptions {
  readonly bus: Bus;
  readonly times: DeviceTimes;
  readonly runtime: Runtime;
}

const propertiesInterface = 'org.freedesktop.DBus.Properties';

/** Error names that say that nobody is there to ask. */
const absent: readonly string[] = [errorNames.serviceUnknown, errorNames.nameHasNoOwner];

/**
 * Tells `listener` the properties of one interface of one object at once and after every change; `undefined` as long as
 * they are not known: the service is not there, does not answer in time, or answers something else.
 *
 * Every sign of a change leads to reading them all, so that the order of signals does not matter; one read is under way at
 * most, with a pause behind it, whatever the service sends. Resolves when `signal` is aborted; rejects with a `BusError`
 * when the bus itself does not do what it should.
 */
export async function followProperties(
  target: PropertiesTarget,
  { bus, times, runtime }: FollowOptions,
  listener: (all: VariantDict | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const { service, path, interface: interfaceName } = target;
  const news = createNews(runtime);
  const changes = { sender: service, path, interface: propertiesInterface, member: 'PropertiesChanged' };
  const pattern = { ...changes, signature: 'sa{sv}as', firstArgument: interfaceName };
  const unwatch = [await bus.watchNameOwners(news.ring, service), await bus.watchSignal(pattern, news.ring)];

  async function readAll(autoStart: boolean): Promise<VariantDict> {
    const [all] = await bus.call({
      destination: service,
      path,
      interface: propertiesInterface,
      member: 'GetAll',
      signature: 's',
      args: [interfaceName],
      replySignature: 'a{sv}',
      timeoutMs: times.readMs,
      autoStart,
      signal,
    });
    return all as VariantDict;
  }

  /** Gives how long the answer is good for. */
  async function tell(autoStart: boolean): Promise<number> {
    try {
      listener(await readAll(autoStart));
      return times.rereadMs;
    } catch (err) {
      if (signal.aborted) return 0;
      listener(undefined);
      if (err instanceof BusCallError && absent.includes(err.errorName)) return times.rereadMs;
      runtime.log.debug({ event: 'device.unread', service, err }, 'The state of the device could not be read.');
      return times.retryMs;
    }
  }

  try {
    for (let reads = 0; !signal.aborted; reads++) {
      const goodForMs = await tell(target.mayStart && reads === 0);
      await runtime.sleep(times.pauseMs, signal).catch(() => {});
      await news.wait(goodForMs, signal);
    }
  } finally {
    for (const stop of unwatch) stop();
  }
}
