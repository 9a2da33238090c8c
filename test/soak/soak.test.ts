import { appendFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dovecot } from '../mail-servers/dovecot.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { soak } from './soak.js';

/** What `npm run soak` asks for; the tests themselves run a short form. */
const {
  MAILPUSH_SOAK_MINUTES: minutes,
  MAILPUSH_SOAK_PUSHES: pushes,
  MAILPUSH_SOAK_SEED: seed,
  MAILPUSH_SOAK_LOG: log,
} = process.env;
const isLong = minutes !== undefined;
const options = {
  minutes: Number(minutes ?? 0.75),
  pushes: Number(pushes ?? 150),
  seed: Number(seed ?? Math.floor(Math.random() * 1_000_000)),
  // A line that was cut often is tried every five minutes at last.
  drainMs: 6 * 60_000,
};

describeEachMailServer('a soak', { on: ({ name }) => name === dovecot.name }, () => {
  const title = `of ${options.minutes} minutes with ${options.pushes} pushes loses none, whatever dies (seed ${options.seed})`;
  it(title, { timeout: options.minutes * 60_000 + options.drainMs + 120_000, retry: 0 }, async () => {
    const tell = (progress: string): void => void process.stdout.write(`${progress}\n`);
    const logged = (line: unknown): void => {
      if (log !== undefined) appendFileSync(log, `${JSON.stringify(line)}\n`);
    };
    const result = await soak({ ...options, ...(isLong ? { tell } : {}), logged });
    const { faults, daemonEnds } = result;
    process.stdout.write(
      [
        `soak with seed ${options.seed}: ${result.seconds} s`,
        `  pushes sent ${result.sent}, delivered ${result.delivered}, lost ${result.lost.length}`,
        `  delivered twice ${result.duplicates}, of these under another id ${result.otherIds.length}`,
        `  left in the mailbox ${result.leftInMailbox}`,
        `  letters ${result.letters}, changed ${result.changedLetters.length}`,
        `  killed: daemon ${faults.daemon}, apps ${faults.app}, bus ${faults.bus}, mail server ${faults['mail server']}; line spoilt ${faults.line}`,
        '',
      ].join('\n'),
    );
    expect(result).toMatchObject({
      sent: options.pushes,
      notSent: [],
      delivered: options.pushes,
      lost: [],
      otherIds: [],
      leftInMailbox: 0,
      changedLetters: [],
    });
    expect(result.duplicates).toBeLessThanOrEqual(result.kills);
    expect(new Set(result.endpoints)).toEqual(new Set([1]));
    // By itself it ends only with the bus.
    expect(daemonEnds.filter((end) => end !== 69)).toEqual([]);
  });
});
