import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ending, GatewayWorld } from '../../../test/tools/gateway-world.js';

const dayMs = 24 * 60 * 60_000;
const ending = fc.constantFrom<Ending>('well', 'well', 'well', 'unreachable', 'busy', 'refused', 'disk full');
const vapid = fc.constantFrom(null, 'k', 'l');
const index = fc.nat(20);

const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('register' as const), vapid }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('answer' as const), index, ending }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('mail' as const), index, arrives: fc.constantFrom(true, true, false) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.oneof(fc.nat(60_000), fc.nat(dayMs), fc.nat(40 * dayMs)),
    }),
  },
  fc.record({ do: fc.constant('change' as const), index, vapid }),
  fc.record({ do: fc.constant('unregister' as const), index }),
  fc.record({
    do: fc.constantFrom('wake' as const, 'restart' as const, 'other secret' as const, 'other key' as const),
  }),
);
type One = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function play(world: GatewayWorld, happenings: readonly One[]): void {
  for (const one of happenings) {
    switch (one.do) {
      case 'register':
        world.register(one.vapid);
        break;
      case 'answer':
        world.answer(one.index, one.ending);
        break;
      case 'mail':
        world.mail(one.index, one.arrives);
        break;
      case 'time':
        world.pass(one.ms);
        break;
      case 'change':
        world.change(one.index, one.vapid);
        break;
      case 'unregister':
        world.unregister(one.index);
        break;
      case 'wake':
        world.wake();
        break;
      case 'restart':
        world.restart();
        break;
      case 'other secret':
        world.secret += 1;
        break;
      case 'other key':
        world.key = String.fromCharCode('a'.charCodeAt(0) + ((world.key.charCodeAt(0) - 96) % 6));
        break;
    }
  }
}

/** Checked daily, with two days for the limits of grants. */
const settleMs = 5 * dayMs;

describe('in any order of events', () => {
  it('the rules hold, and in the end every app has an endpoint that works and nothing is left to be revoked', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60, size: 'max' }), (happenings) => {
        const world = new GatewayWorld({ atOnce: 2, perMinute: 6 });
        play(world, happenings);
        world.settle(settleMs);
        const live = [...world.registrations.values()].filter(({ isLive }) => isLive);
        for (const { told, seal, vapid: wanted } of live) {
          expect(world.isGood(told)).toBe(true);
          expect(seal?.vapid).toBe(wanted);
        }
        const ended = [...world.registrations.values()].filter(({ isLive }) => !isLive);
        for (const { told } of ended) expect(world.isGood(told)).toBe(false);
        expect(world.state.revocations.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('endpoints and the grant are renewed for as long as all is well, with few requests', () => {
    const world = new GatewayWorld();
    for (let i = 0; i < 5; i += 1) world.register('k');
    for (let day = 0; day < 400; day += 1) {
      world.settle(dayMs);
      for (const { told } of world.registrations.values()) expect(world.isGood(told)).toBe(true);
    }
  });
});
