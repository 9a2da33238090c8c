import { connect, type NetConnectOpts } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessGroup } from '../tools/process-group.js';

/**
 * Resolves when the server at `target` greets; a server that ends first, or says nothing for 30 s, is an error that tells
 * what it wrote to stderr.
 */
export async function greeted(server: string, target: NetConnectOpts, group: ProcessGroup): Promise<void> {
  let ended = false;
  void group.ended.then(() => {
    ended = true;
  });
  for (let attempt = 0; attempt < 1500 && !ended; attempt += 1) {
    const greeting = await new Promise<boolean>((resolve) => {
      const socket = connect(target);
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
    if (greeting) {
      return;
    }
    await delay(20);
  }
  throw new Error(`${server} did not start:\n${group.errors()}`);
}
