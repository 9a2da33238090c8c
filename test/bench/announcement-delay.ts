import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, it } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting } from '../system/setting.js';

const rounds = 15;
/** After this the mailbox has been quiet, and a Dovecot that hibernates does. */
const quietMs = 1500;

const rows: string[] = [];
afterAll(() => {
  process.stdout.write(`\nFrom the 250 of SMTP to the app, ${rounds} pushes each\n${rows.join('\n')}\n`);
});

describeEachMailServer('announcement delay', (kind) => {
  it('is measured', { timeout: 120_000 }, async () => {
    const setting = await createSetting(await kind.start());
    const daemon = await setting.startDaemon();
    const connector = await createConnector({ service: 'org.example.Bench', busAddress: setting.bus.address });
    try {
      const registration = await connector.register({ token: 'bench' });
      const messages = registration.messages()[Symbol.asyncIterator]();
      const times: number[] = [];
      // The first brings the key, and is not counted.
      for (let round = 0; round <= rounds; round += 1) {
        // Not in step with a server that is asked once a second.
        await delay(quietMs + 37 * round);
        await setting.sender.send(registration.endpoint, 'x');
        const sent = performance.now();
        const { value } = await messages.next();
        if (round > 0) times.push(performance.now() - sent);
        value.accept();
        await daemon.logged('push.removed', registration.endpoint);
      }
      const sorted = times.toSorted((a, b) => a - b);
      const [median = 0, slowest = 0] = [sorted[Math.floor(rounds / 2)], sorted.at(-1)];
      rows.push(`${kind.name.padEnd(26)} median ${median.toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`);
    } finally {
      await connector.close();
      await setting.stop();
    }
  });
});
