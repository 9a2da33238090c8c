import { describe, expect, it } from 'vitest';
import { at, deliverable, hour, minute, noon, short, testChannel } from '../../../test/tools/delivery-channel.js';
import { urgencies } from '../../notify-spec/index.js';
import { nextDue } from './due.js';

const low = (id: string) => deliverable(id, { urgency: 'low' });

describe('a push that is less urgent than the device asks for', () => {
  it.each(urgencies)('is held when %s is asked for, and only then', (minimum) => {
    for (const urgency of urgencies) {
      const c = testChannel({ minimum });
      c.open(1, deliverable('x', { urgency }));
      const isHeld = urgencies.indexOf(urgency) < urgencies.indexOf(minimum);
      expect(c.stage(1)).toBe(isHeld ? 'held' : 'delivering');
    }
  });

  it('holds up no other, and keeps nothing of its payload in memory', () => {
    const c = testChannel({ minimum: 'normal' });
    c.open(1, low('x'));
    expect(short(c.open(2, deliverable('y')))).toEqual(['open 2', 'deliver 2']);
    expect(JSON.stringify(c.state.pushes[0])).not.toContain('payload');
  });

  it('is opened and delivered as soon as less is asked for, in mailbox order', () => {
    const c = testChannel({ minimum: 'normal' });
    c.open(1, low('x'));
    c.open(2, low('y'));
    expect(c.run({ type: 'minimum urgency', minimum: 'high' })).toEqual([]);
    expect(short(c.run({ type: 'minimum urgency', minimum: 'low' }))).toEqual(['open 1']);
    expect(short(c.run({ type: 'opened', message: at(1), verdict: low('x') }))).toEqual(['open 2']);
    expect(short(c.run({ type: 'opened', message: at(2), verdict: low('y') }))).toEqual(['deliver 1']);
    c.run({ type: 'accepted', message: at(1) });
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['deliver 2', 'remove 1']);
  });

  it('is held also when more is asked for while it waits for its turn, but not when its app is just given it', () => {
    const c = testChannel();
    c.open(1, low('x'));
    c.open(2, low('y'));
    c.run({ type: 'minimum urgency', minimum: 'normal' });
    expect([c.stage(1), c.stage(2)]).toEqual(['delivering', 'held']);
  });

  it('is delivered before its TTL ends, whatever is asked for', () => {
    const c = testChannel({ minimum: 'high' });
    c.open(1, low('x'));
    const due = noon + hour - 5 * minute;
    expect(nextDue(c.state, noon)).toBe(due);
    expect(short(c.run({ type: 'time passed' }, due))).toEqual(['open 1']);
    expect(short(c.run({ type: 'opened', message: at(1), verdict: low('x') }, due))).toEqual(['deliver 1']);
  });

  it('expires when it could not be opened in time', () => {
    const c = testChannel({ minimum: 'high' });
    c.open(1, low('x'));
    // A machine that slept through it.
    const effects = c.run({ type: 'time passed' }, noon + hour);
    expect(effects).toMatchObject([{ type: 'record', message: at(1), outcome: { kind: 'expired' } }]);
  });

  it('ends with its registration', () => {
    const c = testChannel({ minimum: 'high' });
    c.open(1, low('x'));
    expect(c.run({ type: 'retired' })).toMatchObject([{ type: 'record', outcome: { kind: 'retired' } }]);
  });
});
