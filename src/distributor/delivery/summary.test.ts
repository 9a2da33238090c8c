import { expect, it } from 'vitest';
import { at, deliverable, hour, minute, noon, testChannel } from '../../../test/tools/delivery-channel.js';
import { summarize } from './summary.js';
import { maxAside } from './timing.js';
import { nobody } from './trust.js';

it('a summary counts every open push once, and says until when they are kept', () => {
  const c = testChannel({ minimum: 'normal' });
  c.open(1, { kind: 'waiting for key', until: noon + hour });
  c.open(2, { kind: 'early', notBefore: noon + minute, until: noon + 3 * hour });
  c.open(3, deliverable('held', { urgency: 'low' }));
  c.open(4, deliverable('delivering'));
  c.open(5, deliverable('next'));
  c.open(6, { kind: 'expired', known: undefined });
  c.run({ type: 'found', messages: [at(7), at(8)] });
  expect(summarize(c.state, noon)).toEqual({
    open: 8,
    unopened: 2,
    waitingForKey: 1,
    early: 1,
    held: 1,
    parked: 0,
    deliverable: 2,
    ending: 1,
    unreachable: undefined,
    isDelayed: false,
    isBesieged: false,
    refusedByApp: 0,
    keptUntil: noon + 3 * hour,
  });
});

it('a summary tells an app that cannot be reached from one that refuses', () => {
  const c = testChannel();
  c.open(1, deliverable('x'));
  c.run({ type: 'app unreachable', message: at(1) });
  c.run({ type: 'time passed' }, noon + minute);
  c.run({ type: 'app unreachable', message: at(1) }, noon + minute);
  expect(summarize(c.state, noon)).toMatchObject({ unreachable: { since: noon }, refusedByApp: 0, deliverable: 1 });
  let now = noon + hour / 2;
  c.run({ type: 'app appeared' }, now);
  c.run({ type: 'refused by app', message: at(1) }, now);
  expect(summarize(c.state, noon)).toMatchObject({
    unreachable: undefined,
    refusedByApp: 1,
    deliverable: 1,
    parked: 0,
  });
  for (let times = 0; times < 4; times += 1) {
    now += minute;
    c.run({ type: 'time passed' }, now);
    c.run({ type: 'refused by app', message: at(1) }, now);
  }
  expect(summarize(c.state, noon)).toMatchObject({ refusedByApp: 1, deliverable: 0, parked: 1 });
});

it('a summary counts what was postponed with its like', () => {
  const c = testChannel({ trust: nobody });
  for (let uid = 1; uid <= maxAside + 3; uid += 1) c.open(uid, { kind: 'waiting for key', until: noon + hour });
  expect(summarize(c.state, noon)).toMatchObject({ open: maxAside + 3, waitingForKey: maxAside + 3, unopened: 0 });
});
