import { type Bus, BusError, type BusInterface } from '../../dbus/index.js';
import type { Runtime } from '../../runtime.js';
import type { Health } from '../health.js';
import { managementName, managementPath } from './names.js';

/** What a management connection is made from. */
export interface ManagementConnectionOptions {
  /** Makes a connection to the session bus that nobody else uses. */
  readonly connect: (signal: AbortSignal) => Promise<Bus>;
  readonly interfaces: readonly BusInterface[];
  readonly health: Pick<Health, 'trouble'>;
  readonly runtime: Runtime;
}

/** The connection over which the daemon can be asked how it is. */
export interface ManagementConnection {
  /** Resolves when it is closed, after the signal was aborted. Never rejects. */
  readonly ended: Promise<void>;
}

const retryFirstMs = 1_000;
const retryMaxMs = 60_000;

/** The caller goes on, whatever becomes of this: it says why `mailpush status` gets no answer. */
function sentenceOf(error: unknown): string {
  if (error instanceof BusError && error.code === 'ERR_BUS_NAME_TAKEN') {
    return `Another program owns the bus name ${managementName}, so that "mailpush status" asks that one: end it.`;
  }
  return 'The daemon cannot be asked over the session bus at the moment: this is tried again by itself.';
}

/**
 * Exports the management object on a connection of its own, until `signal` is aborted; a connection that dies is made
 * again. Resolves when the first attempt has ended, well or not: pushes are delivered in any case.
 */
export async function openManagement(
  { connect, interfaces, health, runtime }: ManagementConnectionOptions,
  signal: AbortSignal,
): Promise<ManagementConnection> {
  let tried = (): void => {};
  const firstTry = new Promise<void>((resolve) => {
    tried = resolve;
  });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let isWarned = false;
  let failures = 0;

  /** Ends when the connection does. */
  async function serve(): Promise<void> {
    const bus = await connect(signal);
    try {
      bus.export(managementPath, interfaces);
      await bus.requestName(managementName);
      health.trouble('management', undefined);
      failures = 0;
      isWarned = false;
      tried();
      await Promise.race([bus.closed, aborted]);
    } finally {
      await bus.close();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await serve();
      } catch (err) {
        if (signal.aborted) return;
        const facts = { event: 'management.failed', err };
        if (isWarned) runtime.log.debug(facts, 'The daemon still cannot be asked how it is.');
        else runtime.log.warn(facts, 'The daemon cannot be asked how it is; it goes on, and tries again by itself.');
        isWarned = true;
        health.trouble('management', sentenceOf(err));
      }
      tried();
      // A session bus that has ended ends the daemon within this time, without a word about this connection.
      const pause = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(failures, 10));
      failures += 1;
      await runtime.sleep(pause, signal).catch(() => {});
    }
  }

  const ended = run();
  await Promise.race([firstTry, ended]);
  return { ended };
}
