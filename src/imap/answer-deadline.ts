import type { ImapFlow } from 'imapflow';
import type { Runtime } from '../runtime.js';

/** A server that keeps talking without coming to an end is given up after so many times the usual patience. */
const patience = 10;

/**
 * Closes the client when nothing has come from the server for `answerMs`, and at the latest after ten times that. A
 * search through years of mail takes longer than one answer may, but a server that works on it says so now and then.
 *
 * @param finished is aborted when the answer is there; this then resolves without closing.
 */
export async function closeWhenSilent(
  client: Pick<ImapFlow, 'stats' | 'close'>,
  answerMs: number,
  runtime: Pick<Runtime, 'sleep'>,
  finished: AbortSignal,
): Promise<void> {
  let received = client.stats().received;
  for (let round = 0; round < patience; round += 1) {
    try {
      await runtime.sleep(answerMs, finished);
    } catch {
      return;
    }
    const now = client.stats().received;
    if (now === received) break;
    received = now;
  }
  client.close();
}

/**
 * Closes the client when nothing at all has come from the server after `ms`: a sign of life is enough.
 *
 * @param finished is aborted when it is not waited for any more; this then resolves without closing.
 */
export async function closeUnlessHeard(
  client: Pick<ImapFlow, 'stats' | 'close'>,
  ms: number,
  runtime: Pick<Runtime, 'sleep'>,
  finished: AbortSignal,
): Promise<void> {
  const { received } = client.stats();
  try {
    await runtime.sleep(ms, finished);
  } catch {
    return;
  }
  if (client.stats().received === received) client.close();
}
