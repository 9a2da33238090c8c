import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Arriving, type Kind, World } from '../../../test/tools/delivery-world.js';
import { type Urgency, urgencies } from '../../notify-spec/index.js';

// Bounds that a few mails reach.
vi.mock('./timing.js', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  maxAside: 3,
  batchPushes: 4,
  pushLimit: { atOnce: 4, perHour: 3600 },
  lastPushLimit: { atOnce: 6, perHour: 3600 },
  vainLimit: { atOnce: 3, perHour: 3600 },
}));

const kind = fc.constantFrom<Kind>(
  'push',
  'push',
  'push',
  'push',
  'copy of the first',
  'unreadable',
  'refused',
  'unwanted',
  'no handshake',
  'early',
);
const urgency = fc.constantFrom<Urgency>(...urgencies);
const mail: fc.Arbitrary<Arriving> = fc.record({
  kind,
  topic: fc.constantFrom(undefined, undefined, 'news', 'weather'),
  urgency,
  ttlMinutes: fc.constantFrom(5, 40, 40),
  secondsAgo: fc.nat(3),
});
const happening = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('mail' as const), mail }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant('answer' as const), index: fc.nat(20), well: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.nat(600_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('minimum urgency' as const), urgency }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('all open' as const, 'app away' as const) }) },
  fc.record({
    do: fc.constantFrom('crash' as const, 'reconnect' as const, 'renumber' as const, 'app appeared' as const),
  }),
  fc.record({ do: fc.constant('expunge' as const), uid: fc.integer({ min: 1, max: 10 }) }),
);
const history = (maxLength: number) => fc.array(happening, { maxLength, size: 'max' });

function play(world: World, happenings: readonly (typeof happening extends fc.Arbitrary<infer T> ? T : never)[]): void {
  for (const one of happenings) {
    switch (one.do) {
      case 'mail':
        world.arrive(one.mail);
        break;
      case 'answer':
        world.answer(one.index, one.well);
        break;
      case 'all open':
        world.openAll();
        break;
      case 'app away':
        world.appAway();
        break;
      case 'time':
        world.pass(one.ms);
        break;
      case 'minimum urgency':
        world.ask(one.urgency);
        break;
      case 'crash':
        world.crash();
        break;
      case 'reconnect':
        world.look();
        break;
      case 'app appeared':
        world.run({ type: 'app appeared' });
        break;
      case 'expunge':
        world.expunge(one.uid);
        break;
      case 'renumber':
        world.renumber();
    }
  }
}

describe('whatever happens in whatever order', () => {
  it('every push ends as it should, and what is not ours stays', () => {
    fc.assert(
      fc.property(history(150), (happenings) => {
        const world = new World();
        play(world, happenings);
        world.settle();
        expect(world.remaining()).toEqual([]);
        expect([world.state.pushes, world.state.backlog, world.state.postponed]).toEqual([[], [], []]);
        const twice = world.app.length - new Set(world.app).size;
        expect(twice, 'twice only where a crash fell between answer and record').toBeLessThanOrEqual(world.crashes);
      }),
      { numRuns: 120 },
    );
  });

  it('nothing is delivered once the registration has ended', () => {
    fc.assert(
      fc.property(history(60), history(60), (before, after) => {
        const world = new World();
        play(world, before);
        const underWay = world.asked.filter(({ type }) => type === 'deliver').length;
        world.retire();
        const delivered = world.app.length;
        play(world, after);
        world.settle();
        expect(world.app.length - delivered).toBeLessThanOrEqual(underWay);
        expect(world.remaining()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('of mails that are all there only the latest of a topic is delivered', () => {
    fc.assert(
      fc.property(fc.array(mail, { maxLength: 4 }), (mails) => {
        const world = new World();
        world.run({ type: 'minimum urgency', minimum: 'very-low' });
        for (const one of mails) world.arrive({ ...one, kind: 'push' });
        world.crash();
        world.settle();
        const topics = world.app.flatMap((id) => world.mails.find((one) => one.id === id)?.topic ?? []);
        expect(new Set(topics).size).toBe(topics.length);
        expect(new Set(topics)).toEqual(new Set(mails.flatMap(({ topic }) => topic ?? [])));
      }),
    );
  });
});
