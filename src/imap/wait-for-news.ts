import type { Runtime } from '../runtime.js';
import type { ImapTimes } from './account.js';
import type { Connection } from './connection.js';
import { sleepAwake } from './sleep-awake.js';

/** How many times in a row the server has ended IDLE by itself, and soon. */
export type EndedIdles = number;

/**
 * Waits for news on an open and quiet connection, by IDLE (RFC 2177) or by asking now and then. Ends when something may
 * be new, and when a command has broken IDLE: it is then begun again as soon as that command has its answer.
 *
 * A server that ends IDLE by itself, or refuses it, is asked for it again after a pause that grows up to the time of
 * polling, and for news each time.
 */
export async function waitForNews(
  connection: Connection,
  times: ImapTimes,
  runtime: Runtime,
  news: Promise<void>,
  endedIdles: EndedIdles,
): Promise<EndedIdles> {
  const waiting = new AbortController();
  const pass = (ms: number): Promise<'time is up' | 'stopped'> =>
    sleepAwake(ms, runtime, waiting.signal).then(
      () => 'time is up',
      () => 'stopped',
    );
  const noop = (): Promise<void> => connection.run((client) => client.noop());
  const begun = runtime.monotonicMs();
  try {
    if (!connection.canIdle) {
      if ((await Promise.race([news, pass(times.pollMs)])) === 'time is up') await noop();
      return 0;
    }
    const end = await Promise.race([news, connection.idle(), pass(times.idleRestartMs)]);
    if (end === 'time is up') await noop();
    if (end !== 'ended by server' || connection.isOver) return 0;
    const inARow = runtime.monotonicMs() - begun < times.pollMs ? endedIdles : 0;
    const pause = Math.min(times.pollMs, times.retryFirstMs * 2 ** Math.min(inARow, 30));
    if ((await Promise.race([news, pass(pause)])) === 'time is up') await noop();
    return inARow + 1;
  } finally {
    waiting.abort();
  }
}
