import { PushError } from './errors.js';
import type { PushMessage, PushReceipt, PushResult } from './push.js';

/**
 * Sends many pushes, at most `atOnce` of them waiting at a time, so that a long iterable is read only as fast as it is
 * sent. The results are in the order of the messages. Rejects only when reading `messages` fails, after what was begun
 * has ended.
 */
export async function sendEach(
  messages: Iterable<PushMessage> | AsyncIterable<PushMessage>,
  send: (message: PushMessage) => Promise<PushReceipt>,
  atOnce: number,
): Promise<readonly PushResult[]> {
  const results: PushResult[] = [];
  const running = new Set<Promise<void>>();
  let index = 0;
  try {
    for await (const message of messages) {
      const at = index++;
      const sent: Promise<void> = resultOf(send(message)).then((result) => {
        results[at] = result;
        running.delete(sent);
      });
      running.add(sent);
      if (running.size >= atOnce) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  return results;
}

async function resultOf(sending: Promise<PushReceipt>): Promise<PushResult> {
  try {
    return { ok: true, receipt: await sending };
  } catch (error) {
    if (error instanceof PushError) return { ok: false, error };
    throw error;
  }
}
