import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How long after a mail: longer than a connection needs to hibernate. */
const nudgeMs = 200;

/**
 * Makes Dovecot look into a Maildir again, as the next mail would, a moment after each call.
 *
 * Dovecot 2.3 forgets to announce what comes in the last 50 ms before a connection hibernates; the client hears of it
 * with the next mail, or when it asks. Nobody can help that from outside, and docs/mail-servers.md tells it, but
 * suites whose pushes fall into that moment would wait for minutes.
 */
export function createNudge(maildir: string): { nudge(): void; stop(): Promise<void> } {
  const ended = new AbortController();
  const running = new Set<Promise<void>>();
  let count = 0;

  async function nudgeLater(): Promise<void> {
    try {
      await delay(nudgeMs, undefined, { signal: ended.signal });
      // Not a message, because of its dot.
      count += 1;
      const file = `${maildir}/new/.nudge-${count}`;
      await writeFile(file, '');
      await rm(file);
    } catch {
      // Over, or there is no mail yet.
    }
  }

  return {
    nudge() {
      const one = nudgeLater().finally(() => running.delete(one));
      running.add(one);
    },
    async stop() {
      ended.abort();
      await Promise.all(running);
    },
  };
}
