import { setTimeout as delay } from 'node:timers/promises';
import { type Relay, startRelay } from '../tools/relay.js';

/**
 * Starts a relay to an SMTP server that lets the next mail in only when `isIdle` says that the one before is through: a
 * queue keeps no order, and suites that push several times in a row expect theirs. Each mail is answered for before that.
 *
 * @param path unix socket of the server
 */
export async function startOneAfterAnother(path: string, isIdle: () => Promise<boolean>): Promise<Relay> {
  return await startRelay({ path }, (client, upstream) => {
    let before = Promise.resolve();

    async function pass(chunk: Buffer): Promise<void> {
      // Clients without pipelining send one command at a time.
      if (/^MAIL FROM:/i.test(chunk.toString('latin1', 0, 10))) {
        for (let attempt = 0; attempt < 1000 && !(await isIdle()); attempt += 1) await delay(5);
      }
      upstream.write(chunk);
    }

    client.on('data', (chunk: Buffer) => {
      before = before.then(() => pass(chunk));
    });
    upstream.pipe(client);
  });
}
