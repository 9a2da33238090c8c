import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChannelOrder } from './channel-order.js';

describe('the order of a channel', () => {
  it('holds whatever the order in which jobs end, and whether they fail', async () => {
    const job = fc.record({ channel: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(job, { maxLength: 20 }), async (scheduler, jobs) => {
        const inOrder = createChannelOrder();
        const begun: number[] = [];
        const running = new Map<string, number>();
        const results = jobs.map(({ channel, fails }, index) =>
          inOrder(channel, async () => {
            begun.push(index);
            running.set(channel, (running.get(channel) ?? 0) + 1);
            expect(running.get(channel)).toBe(1);
            await scheduler.schedule(Promise.resolve());
            running.set(channel, 0);
            if (fails) throw new Error('failed');
            return index;
          }),
        );
        const ended = Promise.allSettled(results);
        await scheduler.waitFor(ended);
        expect((await ended).map(({ status }) => status === 'rejected')).toEqual(jobs.map(({ fails }) => fails));
        for (const channel of ['a', 'b', 'c']) {
          const ofChannel = begun.filter((index) => jobs[index]?.channel === channel);
          expect(ofChannel).toEqual(ofChannel.toSorted((one, other) => one - other));
        }
        expect(begun).toHaveLength(jobs.length);
      }),
    );
  });
});
