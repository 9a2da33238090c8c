import { describe, expect, it } from 'vitest';
import {
  at,
  deliverable,
  hour,
  minute,
  noon,
  pushOf,
  short,
  type TestChannel,
  testChannel,
  trust,
} from '../../../test/tools/delivery-channel.js';
import { nextDue } from './due.js';
import type { Verdict } from './state.js';
import { batchBytes, batchPushes, maxAside } from './timing.js';
import { nobody } from './trust.js';

const uids = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const unreachable = { since: noon, attempts: 1, retryAt: noon + hour };

/** Opens whatever is asked to be opened, until nothing is; gives how often. */
function openAll(c: TestChannel, verdict: (uid: number) => Verdict, now = noon): number {
  for (let count = 0; ; count += 1) {
    const next = c.state.pushes.find(({ stage }) => stage.name === 'opening');
    if (next === undefined) return count;
    c.run({ type: 'opened', message: next.message, verdict: verdict(next.message.uid) }, now);
  }
}

describe('a batch', () => {
  it('is opened as a whole before the first of it is delivered', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: uids(1, 100).map(at) });
    for (const uid of uids(1, batchPushes - 1)) {
      const effects = c.run({ type: 'opened', message: at(uid), verdict: deliverable(`${uid}`) });
      expect(short(effects)).toEqual([`open ${uid + 1}`]);
    }
    const effects = c.run({ type: 'opened', message: at(batchPushes), verdict: deliverable('last') });
    expect(short(effects)).toEqual(['deliver 1']);
  });

  it('is not made larger by what comes in meanwhile', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    c.run({ type: 'opened', message: at(1), verdict: deliverable('1') });
    c.run({ type: 'found', messages: [at(3)] });
    const effects = c.run({ type: 'opened', message: at(2), verdict: deliverable('2') });
    expect(short(effects)).toEqual(['open 3', 'deliver 1']);
  });

  it('is smaller where payloads are large, so that memory stays bounded', () => {
    const payload = new Uint8Array(4096);
    const c = testChannel({ unreachable });
    c.run({ type: 'found', messages: uids(1, 100).map(at) });
    expect(openAll(c, (uid) => deliverable(`${uid}`, { payload }))).toBe(batchBytes / 4096);
  });

  it('does not keep its first waiting for one that cannot be fetched now', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    c.run({ type: 'opened', message: at(1), verdict: deliverable('1') });
    const effects = c.run({ type: 'open failed', message: at(2), refused: false });
    expect(short(effects)).toEqual(['deliver 1']);
  });

  it('opens the next one while it is delivered', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: uids(1, 100).map(at) });
    openAll(c, (uid) => deliverable(`${uid}`));
    for (const uid of uids(1, 60)) {
      const accepted = c.run({ type: 'accepted', message: at(uid) });
      const effects = short([...accepted, ...c.run({ type: 'recorded', message: at(uid) })]);
      expect(effects).toContain(`open ${uid + batchPushes}`);
      if (uid % batchPushes !== 0) expect(effects).toContain(`deliver ${uid + 1}`);
      openAll(c, (next) => deliverable(`${next}`));
      expect(c.stage(uid + 1)).toBe('delivering');
    }
  });

  it('gives way to an earlier mail that is to be opened again, which once stopped the channel for good', () => {
    const c = testChannel({ unreachable });
    c.open(1, { kind: 'early', notBefore: noon + minute, until: noon + hour });
    c.run({ type: 'found', messages: uids(2, 100).map(at) });
    openAll(c, (uid) => deliverable(`${uid}`));
    expect(short(c.run({ type: 'time passed' }, noon + minute))).toEqual(['open 1']);
    c.run({ type: 'opened', message: at(1), verdict: deliverable('1') }, noon + minute);
    const inMemory = c.state.pushes.filter(({ stage }) => stage.name === 'deliverable');
    expect(inMemory.map(({ message }) => message.uid)).toEqual(uids(1, batchPushes));
    expect(short(c.run({ type: 'app appeared' }, noon + minute))).toEqual(['deliver 1']);
  });
});

describe('pushes that stand aside', () => {
  const waiting: Verdict = { kind: 'waiting for key', until: noon + hour };
  const tooMany = maxAside + 50;

  function fill(verdict: Verdict, known = {}): TestChannel {
    const c = testChannel(known);
    c.run({ type: 'found', messages: uids(1, tooMany).map(at) });
    expect(openAll(c, () => verdict)).toBe(tooMany);
    expect(c.state.pushes.map(({ stage }) => stage.name)).toEqual(
      Array(maxAside).fill(verdict.kind === 'deliverable' ? 'held' : verdict.kind),
    );
    expect(c.state.postponed).toHaveLength(50);
    return c;
  }

  it('are postponed where there are too many, and none is refused', () => {
    const c = fill(waiting, { trust: nobody });
    expect(c.run({ type: 'found', messages: uids(1, tooMany).map(at) })).toEqual([]);
  });

  it('do not stop the handshake that comes behind them, which brings all of them back', () => {
    const c = fill(waiting, { trust: nobody });
    c.run({ type: 'found', messages: [at(1000)] });
    c.run({ type: 'opened', message: at(1000), verdict: { kind: 'deliverable', push: pushOf('x'), trust } });
    expect(c.state.postponed).toEqual([]);
    const delivered: number[] = [];
    for (;;) {
      openAll(c, (uid) => deliverable(`${uid}`));
      const next = c.state.pushes.find(({ stage }) => stage.name === 'delivering')?.message;
      if (next === undefined) break;
      delivered.push(next.uid);
      c.run({ type: 'accepted', message: next });
      c.run({ type: 'recorded', message: next });
      c.run({ type: 'removed', message: next });
    }
    expect(delivered).toEqual([...uids(1, tooMany), 1000]);
  });

  it('are opened anew when there is room and nothing else to open', () => {
    const c = fill(waiting, { trust: nobody });
    const [effect, ...others] = c.run({ type: 'gone', message: at(7) });
    expect(others).toEqual([]);
    expect(effect?.type).toBe('open');
    expect(openAll(c, () => waiting)).toBe(1);
    expect([c.state.pushes.length, c.state.postponed.length]).toEqual([maxAside, 49]);
  });

  it('end with their time, each of them', () => {
    const c = fill(waiting, { trust: nobody });
    const later = noon + hour;
    expect(nextDue(c.state, noon)).toBe(later);
    c.run({ type: 'time passed' }, later);
    openAll(c, () => ({ kind: 'expired', known: undefined }), later);
    const ends = c.state.pushes.map(({ stage }) => stage.name === 'settled' && stage.outcome.kind);
    expect(ends).toEqual(Array(tooMany).fill('expired'));
    expect(c.state.postponed).toEqual([]);
  });

  it('are delivered before their TTL ends when they were only held', () => {
    const c = fill(deliverable('x', { urgency: 'low' }), { minimum: 'normal' });
    const due = noon + hour - 5 * minute;
    c.run({ type: 'time passed' }, due);
    openAll(c, (uid) => deliverable(`${uid}`, { urgency: 'low' }), due);
    expect(c.stage(1)).toBe('delivering');
    expect([c.state.postponed, c.state.pushes.filter(({ stage }) => stage.name === 'held')]).toEqual([[], []]);
  });

  it('come back when the device asks for less, and end with their registration', () => {
    const low = deliverable('x', { urgency: 'low' });
    const released = fill(low, { minimum: 'normal' });
    expect(short(released.run({ type: 'minimum urgency', minimum: 'low' }))).toEqual(['open 1']);
    expect(released.state.postponed).toEqual([]);
    const ended = fill(low, { minimum: 'normal' });
    ended.run({ type: 'retired' });
    openAll(ended, () => ({ kind: 'retired' }));
    expect(ended.state.pushes).toHaveLength(tooMany);
    expect(ended.state.pushes.every(({ stage }) => stage.name === 'settled')).toBe(true);
  });

  it('are forgotten when their mail is gone or the folder renumbered', () => {
    const c = fill(waiting, { trust: nobody });
    c.run({ type: 'gone', message: at(tooMany) });
    expect(c.state.postponed).toHaveLength(49);
    c.run({ type: 'renumbered', folder: 'Junk' });
    expect(c.state.postponed).toHaveLength(49);
    c.run({ type: 'renumbered', folder: 'INBOX' });
    expect([c.state.postponed, c.state.pushes]).toEqual([[], []]);
  });
});
