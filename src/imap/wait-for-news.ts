import type { Runtime } from '../runtime.js';
import type { ImapTimes } from './account.js';
import { type Announcing, checkAfterMs, type Observation, observe, trusted } from './announcing.js';
import type { Bell } from './bell.js';
import type { Connection } from './connection.js';
import { sleepAwake } from './sleep-awake.js';

/** What was learnt of a server while waiting for its news. */
export interface Waited {
  /** How many times in a row it has ended IDLE by itself, and soon. */
  readonly endedIdles: number;
  readonly announcing: Announcing;
  /** Whether it was asked for news since the last one came. */
  readonly isSettled: boolean;
}

/** Before anything was waited for. */
export const notWaited: Waited = { endedIdles: 0, announcing: trusted, isSettled: true };

/**
 * Waits for news on an open and quiet connection, by IDLE (RFC 2177) or by asking now and then. Ends when something may
 * be new, and when a command has broken IDLE: it is then begun again as soon as that command has its answer.
 *
 * A server that ends IDLE by itself, or refuses it, is asked for it again after a pause that grows up to the time of
 * polling, and for news each time. One that idles is asked now and then what it has not announced.
 */
export async function waitForNews(
  connection: Connection,
  times: ImapTimes,
  runtime: Runtime,
  bell: Bell,
  { endedIdles, announcing, isSettled }: Waited,
): Promise<Waited> {
  const waiting = new AbortController();
  const news = bell.rung().then(() => 'news' as const);
  const pass = (ms: number): Promise<'time is up' | 'stopped'> =>
    sleepAwake(ms, runtime, waiting.signal).then(
      () => 'time is up',
      () => 'stopped',
    );
  const messagesBefore = connection.main.messages;
  const hasArrived = (): boolean => (bell.waiting ?? 0) > 0 || connection.main.messages > messagesBefore;
  const learntNothing: Waited = { endedIdles: 0, announcing, isSettled };
  const learn = (seen: Observation): Waited => ({
    endedIdles: 0,
    announcing: hasArrived() ? observe(announcing, seen) : announcing,
    isSettled: seen === 'missed' || isSettled,
  });
  // What comes just when IDLE begins is what servers forget, and behind news more of them may come.
  const checkMs = Math.min(checkAfterMs(announcing, times), isSettled ? Number.POSITIVE_INFINITY : times.settleMs);
  const begun = runtime.monotonicMs();
  try {
    if (!connection.canIdle) {
      if ((await Promise.race([news, pass(times.pollMs)])) === 'time is up') await connection.check();
      return learntNothing;
    }
    const end = await Promise.race([news, connection.idle(), pass(checkMs)]);
    // A command that has just been given makes the server tell what it had not announced.
    if (end === 'news') return connection.isIdling ? learn('announced') : learntNothing;
    if (end === 'time is up') {
      await connection.check();
      return learn('missed');
    }
    if (end !== 'ended by server' || connection.isOver) return learntNothing;
    const inARow = runtime.monotonicMs() - begun < times.pollMs ? endedIdles : 0;
    const pause = Math.min(times.pollMs, times.retryFirstMs * 2 ** Math.min(inARow, 30));
    if ((await Promise.race([news, pass(pause)])) === 'time is up') await connection.check();
    return { ...learntNothing, endedIdles: inARow + 1 };
  } finally {
    waiting.abort();
  }
}
