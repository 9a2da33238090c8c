import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChannelOrder } from './channel-order.js';

describe('the order of a channel', () => {
  it('holds whatever the order in which jobs end, whether they fail, and who leaves', async () => {
    const job = fc.record({ channel: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean(), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(job, { maxLength: 20 }), async (scheduler, jobs) => {
        const inOrder = createChannelOrder();
        const begun: number[] = [];
        const running = new Map<string, number>();
        const controller = new AbortController();
        const never = new AbortController().signal;
        const work = (index: number, channel: string, fails: boolean) => async (): Promise<number> => {
          begun.push(index);
          running.set(channel, (running.get(channel) ?? 0) + 1);
          expect(running.get(channel)).toBe(1);
          await scheduler.schedule(Promise.resolve());
          running.set(channel, 0);
          if (fails) throw new Error('failed');
          return index;
        };
        const results = jobs.map(({ channel, fails, leaves }, index) =>
          inOrder(channel, work(index, channel, fails), leaves ? controller.signal : never),
        );
        const atOnce = new Set(begun);
        controller.abort();
        const ended = Promise.allSettled(results);
        await scheduler.waitFor(ended);
        // Who runs when it is aborted keeps its turn.
        const isRun = jobs.map(({ leaves }, index) => !leaves || atOnce.has(index));
        expect((await ended).map(({ status }) => status === 'fulfilled')).toEqual(
          jobs.map(({ fails }, index) => isRun[index] && !fails),
        );
        for (const channel of ['a', 'b', 'c']) {
          const ofChannel = begun.filter((index) => jobs[index]?.channel === channel);
          expect(ofChannel).toEqual(ofChannel.toSorted((one, other) => one - other));
        }
        expect(begun).toHaveLength(isRun.filter(Boolean).length);
      }),
    );
  });
});
