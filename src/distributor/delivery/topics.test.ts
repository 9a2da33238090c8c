import { describe, expect, it } from 'vitest';
import {
  at,
  deliverable,
  hour,
  minute,
  noon,
  pushOf,
  short,
  testChannel,
  trust,
} from '../../../test/tools/delivery-channel.js';
import type { PushLabel } from './state.js';
import { maxRefusals, parkedRetryMs } from './timing.js';
import { isLater } from './topics.js';

const second = noon / 1000;
const news = (id: string, change: Partial<PushLabel> = {}) => deliverable(id, { topic: 'news', ...change });
const superseded = { kind: 'superseded' };

describe('of two pushes with the same topic', () => {
  it('that are open only the later is delivered, and the earlier recorded and removed', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    expect(short(c.run({ type: 'opened', message: at(1), verdict: news('x') }))).toEqual(['open 2']);
    const effects = c.run({ type: 'opened', message: at(2), verdict: news('y') });
    expect(effects).toMatchObject([
      { type: 'deliver', message: at(2) },
      { type: 'record', message: at(1), outcome: superseded, mark: undefined },
    ]);
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['remove 1']);
  });

  it('the later is the one that was sent later, wherever it is in the mailbox', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    c.run({ type: 'opened', message: at(1), verdict: news('x') });
    const effects = c.run({ type: 'opened', message: at(2), verdict: news('y', { timestamp: second - 1 }) });
    expect(effects).toMatchObject([
      { type: 'deliver', message: at(1) },
      { type: 'record', message: at(2), outcome: superseded },
    ]);
  });

  it('the one that is just being delivered is not taken back, but given up when its app does not take it', () => {
    for (const type of ['refused by app', 'app unreachable'] as const) {
      const c = testChannel();
      c.open(1, news('x'));
      expect(short(c.open(2, news('y')))).toEqual(['open 2']);
      expect(c.stage(1)).toBe('delivering');
      const effects = c.run({ type, message: at(1) });
      expect(effects).toContainEqual(expect.objectContaining({ type: 'record', message: at(1), outcome: superseded }));
      expect(short(c.run({ type: 'app appeared' }))).toEqual(type === 'refused by app' ? [] : ['deliver 2']);
    }
  });

  it('the earlier is not delivered after the later, while that is on its way to the disk', () => {
    const c = testChannel();
    c.open(2, news('y'));
    const [record] = c.run({ type: 'accepted', message: at(2) });
    expect(record).toMatchObject({ mark: { topic: 'news', timestamp: second, message: at(2) } });
    const effects = c.open(1, news('x', { timestamp: second - 1 }));
    expect(effects).toContainEqual(expect.objectContaining({ type: 'record', message: at(1), outcome: superseded }));
  });

  it('the earlier gives way also while it is parked', () => {
    const c = testChannel();
    c.open(1, news('x'));
    let now = noon;
    for (let refusals = 0; refusals < maxRefusals; refusals += 1) {
      c.run({ type: 'refused by app', message: at(1) }, now);
      now += minute;
      c.run({ type: 'time passed' }, now);
    }
    expect(c.stage(1)).toBe('parked');
    expect(short(c.open(2, news('y'), now))).toEqual(['open 2', 'deliver 2', 'record 1']);
    expect(c.run({ type: 'time passed' }, now + parkedRetryMs)).toEqual([]);
  });

  it('the earlier gives way to one that is held itself', () => {
    const c = testChannel({ minimum: 'normal', unreachable: { since: noon, attempts: 1, retryAt: noon + minute } });
    c.open(1, news('x', { urgency: 'high' }));
    expect(short(c.open(2, news('y', { urgency: 'low' })))).toEqual(['open 2', 'record 1']);
    expect(c.stage(2)).toBe('held');
  });

  it('the earlier does not come back when the later expires', () => {
    const c = testChannel({ unreachable: { since: noon, attempts: 1, retryAt: noon + hour } });
    c.open(1, news('x'));
    c.open(2, news('y', { liveUntil: noon + minute }));
    expect(c.stage(1)).toBe('settled');
    const effects = c.run({ type: 'time passed' }, noon + minute);
    expect(effects).toMatchObject([
      { type: 'record', message: at(2), outcome: { kind: 'expired' }, mark: { timestamp: second } },
    ]);
  });

  it('the earlier gives way to one that has expired before it was opened', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    c.run({ type: 'opened', message: at(1), verdict: news('x') });
    const { payload: _, signer: __, ...label } = pushOf('y', { topic: 'news', liveUntil: noon });
    const effects = c.run({ type: 'opened', message: at(2), verdict: { kind: 'expired', known: { label, trust } } });
    expect(short(effects)).toEqual(['record 1', 'record 2']);
  });
});

describe('pushes', () => {
  it('of different topics or of none do not replace each other', () => {
    const c = testChannel({ unreachable: { since: noon, attempts: 1, retryAt: noon + minute } });
    c.open(1, news('a'));
    c.open(2, deliverable('b', { topic: 'weather' }));
    c.open(3, deliverable('c'));
    c.open(4, deliverable('d'));
    expect(c.state.pushes.map(({ stage }) => stage.name)).toEqual(Array(4).fill('deliverable'));
  });

  it('that are not verified replace nothing', () => {
    const c = testChannel({ unreachable: { since: noon, attempts: 1, retryAt: noon + minute } });
    c.open(1, news('a'));
    c.open(2, { kind: 'waiting for key', until: noon + hour });
    c.open(3, { kind: 'early', notBefore: noon + minute, until: noon + hour });
    c.open(4, { kind: 'expired', known: undefined });
    expect(c.stage(1)).toBe('deliverable');
  });
});

describe('the later of two', () => {
  const mark = (timestamp: number, uid: number, folder = 'INBOX', uidValidity = '7') => ({
    topic: 'news',
    timestamp,
    message: { folder, uidValidity, uid },
  });

  it.each([
    ['was sent later', mark(2, 1), mark(1, 9), true, false],
    ['is further back among those of one second', mark(1, 2), mark(1, 1), true, false],
    ['is in the folder that sorts later, then', mark(1, 1, 'Junk'), mark(1, 2), true, false],
    ['is neither when they are the same', mark(1, 1), mark(1, 1), false, false],
    ['is neither when the folder was renumbered between', mark(1, 2), mark(1, 1, 'INBOX', '8'), false, false],
    ['was sent later also when the folder was renumbered', mark(2, 1), mark(1, 1, 'INBOX', '8'), true, false],
  ])('%s', (_, a, b, forwards, backwards) => {
    expect([isLater(a, b), isLater(b, a)]).toEqual([forwards, backwards]);
  });
});
