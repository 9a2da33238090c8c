import { describe, expect, it } from 'vitest';
import {
  at,
  deliverable,
  hour,
  noon,
  pushOf,
  short,
  testChannel,
  trust,
} from '../../../test/tools/delivery-channel.js';
import { nextDue } from './due.js';
import type { Verdict } from './state.js';
import { asideFailures, maxRefusals, parkedRetryMs, recordRetryMs, reopenMs, unreachableFirstMs } from './timing.js';
import { nobody } from './trust.js';

describe('the way of a push', () => {
  it('is opened, delivered, recorded and only then removed', () => {
    const c = testChannel();
    expect(short(c.run({ type: 'found', messages: [at(1)] }))).toEqual(['open 1']);
    expect(short(c.run({ type: 'opened', message: at(1), verdict: deliverable('x') }))).toEqual(['deliver 1']);
    const [record, ...others] = c.run({ type: 'accepted', message: at(1) });
    expect(record).toEqual({
      type: 'record',
      message: at(1),
      outcome: { kind: 'delivered', id: 'x', rememberUntil: noon + 2 * hour },
      mark: undefined,
      trust,
    });
    expect(others).toEqual([]);
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['remove 1']);
    expect(c.run({ type: 'removed', message: at(1) })).toEqual([]);
    expect(c.state.pushes).toEqual([]);
  });

  it('waits for the push before it to be on disk', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    expect(short(c.open(2, deliverable('y')))).toEqual(['open 2']);
    expect(short(c.run({ type: 'accepted', message: at(1) }))).toEqual(['record 1']);
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['deliver 2', 'remove 1']);
  });

  it('keeps mailbox order even when a later mail is found first', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(2)] });
    c.run({ type: 'found', messages: [at(1)] });
    expect(short(c.run({ type: 'opened', message: at(2), verdict: deliverable('y') }))).toEqual(['open 1']);
    expect(short(c.run({ type: 'opened', message: at(1), verdict: deliverable('x') }))).toEqual(['deliver 1']);
  });
});

describe('a mail that is no push for the app', () => {
  it('is left alone when it does not decrypt with our key', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1)] });
    const effects = c.run({ type: 'opened', message: at(1), verdict: { kind: 'unreadable', reason: 'no' } });
    expect(effects).toEqual([{ type: 'leave', message: at(1), reason: 'no' }]);
    expect(c.state.pushes).toEqual([]);
  });

  it.each([
    { kind: 'refused', reason: 'It is not signed.' },
    { kind: 'expired', known: undefined },
    { kind: 'duplicate' },
    { kind: 'superseded' },
    { kind: 'retired' },
  ] as const)('is recorded as $kind and removed, never delivered', (verdict) => {
    const c = testChannel();
    expect(short(c.open(1, verdict))).toEqual(['open 1', 'record 1']);
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['remove 1']);
  });

  it('is refused, and never tried again, when whoever it is for does not want it', () => {
    const c = testChannel();
    c.open(1, deliverable('x', { topic: 'news' }));
    const [record] = c.run({ type: 'unwanted', message: at(1) });
    expect(record).toMatchObject({
      type: 'record',
      outcome: { kind: 'refused', reason: 'Nobody asked for it.' },
      mark: undefined,
    });
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['remove 1']);
    expect(c.run({ type: 'unwanted', message: at(1) })).toEqual([]);
  });

  it('stays in the mailbox when the user keeps what is refused', () => {
    const c = testChannel({ keepRejected: true });
    c.open(1, { kind: 'refused', reason: 'no' });
    expect(short(c.run({ type: 'recorded', message: at(1) }))).toEqual(['leave 1']);
    c.open(2, { kind: 'expired', known: undefined });
    expect(short(c.run({ type: 'recorded', message: at(2) }))).toEqual(['remove 2']);
  });

  it('is a duplicate when a copy was delivered that is still open', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.open(2, deliverable('x'));
    c.run({ type: 'accepted', message: at(1) });
    const effects = c.run({ type: 'recorded', message: at(1) });
    expect(effects.filter(({ type }) => type === 'deliver')).toEqual([]);
    expect(effects).toContainEqual({ type: 'record', message: at(2), outcome: { kind: 'duplicate' }, trust });
  });

  it('expires while it waits for its turn', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.open(2, deliverable('y', { liveUntil: noon + 1000 }));
    const effects = c.run({ type: 'time passed' }, noon + 1000);
    expect(effects).toEqual([{ type: 'record', message: at(2), outcome: { kind: 'expired' }, trust }]);
  });
});

describe('a push whose signer is not known yet', () => {
  const waiting: Verdict = { kind: 'waiting for key', until: noon + hour };

  it('steps aside and is opened again when a key is pinned', () => {
    const c = testChannel({ trust: nobody });
    c.open(1, waiting);
    expect(c.run({ type: 'found', messages: [at(2)] })).toEqual([{ type: 'open', message: at(2) }]);
    const verdict: Verdict = { kind: 'deliverable', push: pushOf('y'), trust };
    // Mailbox order: the earlier one is opened before the later one goes out.
    expect(short(c.run({ type: 'opened', message: at(2), verdict }))).toEqual(['open 1']);
    expect(c.state.trust).toEqual(trust);
    expect(short(c.run({ type: 'opened', message: at(1), verdict: deliverable('x') }))).toEqual(['deliver 1']);
  });

  it('expires at the end of its TTL', () => {
    const c = testChannel({ trust: nobody });
    c.open(1, waiting);
    expect(nextDue(c.state, noon)).toBe(noon + hour);
    expect(short(c.run({ type: 'time passed' }, noon + hour))).toEqual(['record 1']);
  });
});

describe('an app that does not take a push', () => {
  it('gets it again after 1, 2, 4 and 8 s, and from the fifth refusal on it blocks nothing', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.open(2, deliverable('y'));
    let now = noon;
    for (const pause of [1000, 2000, 4000, 8000]) {
      expect(c.run({ type: 'refused by app', message: at(1) }, now)).toEqual([]);
      expect(nextDue(c.state, now)).toBe(now + pause);
      now += pause;
      expect(short(c.run({ type: 'time passed' }, now))).toEqual(['deliver 1']);
    }
    expect(short(c.run({ type: 'refused by app', message: at(1) }, now))).toEqual(['deliver 2']);
    expect(c.stage(1)).toBe('parked');
  });

  it('gets a parked push again after a while, and at once when it appears anew', () => {
    for (const [event, later] of [
      [{ type: 'time passed' }, parkedRetryMs],
      [{ type: 'app appeared' }, 1],
    ] as const) {
      const c = testChannel();
      c.open(1, deliverable('x'));
      let now = noon;
      for (let refusals = 0; refusals < maxRefusals; refusals += 1) {
        c.run({ type: 'refused by app', message: at(1) }, now);
        if (refusals + 1 < maxRefusals) now = nextDue(c.state, now) ?? now;
        c.run({ type: 'time passed' }, now);
      }
      expect(short(c.run(event, now + later))).toEqual(['open 1']);
    }
  });

  it('holds up only its own channel while it cannot be reached, and gets everything when it appears', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.open(2, deliverable('y'));
    expect(c.run({ type: 'app unreachable', message: at(1) })).toEqual([]);
    expect(nextDue(c.state, noon)).toBe(noon + unreachableFirstMs);
    expect(short(c.run({ type: 'app appeared' }, noon + 10))).toEqual(['deliver 1']);
  });
});

describe('trouble with mailbox and disk', () => {
  it('opens again after a failed fetch, later or when the mail is found on a new connection', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1)] });
    expect(c.run({ type: 'open failed', message: at(1), refused: false })).toEqual([]);
    expect(nextDue(c.state, noon)).toBe(noon + reopenMs);
    expect(short(c.run({ type: 'found', messages: [at(1)] }, noon + 1))).toEqual(['open 1']);
  });

  it('asks again for a record and a removal that failed', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.run({ type: 'accepted', message: at(1) });
    expect(c.run({ type: 'record failed', message: at(1) })).toEqual([]);
    expect(short(c.run({ type: 'time passed' }, noon + recordRetryMs))).toEqual(['record 1']);
    c.run({ type: 'recorded', message: at(1) });
    expect(c.run({ type: 'remove failed', message: at(1), refused: false })).toEqual([]);
    expect(short(c.run({ type: 'found', messages: [at(1)] }, noon + 1))).toEqual(['remove 1']);
  });

  it('forgets a mail that is gone, but still records what the app has got', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.run({ type: 'gone', message: at(1) });
    expect(short(c.run({ type: 'accepted', message: at(1) }))).toEqual(['record 1']);
    c.open(2, { kind: 'waiting for key', until: noon + hour });
    c.run({ type: 'gone', message: at(2) });
    expect(c.stage(2)).toBeUndefined();
  });

  it('keeps messages of different UIDVALIDITY apart', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.run({ type: 'renumbered', folder: 'INBOX' });
    const renumbered = { folder: 'INBOX', uidValidity: '8', uid: 1 };
    expect(c.run({ type: 'found', messages: [renumbered] })).toEqual([{ type: 'open', message: renumbered }]);
    expect(c.run({ type: 'accepted', message: at(1) })).toMatchObject([{ type: 'record', message: at(1) }]);
  });

  it('keeps messages of different folders apart, and forgets only those of a folder that is numbered anew', () => {
    const c = testChannel();
    const inJunk = { ...at(1), folder: 'Junk' };
    c.run({ type: 'found', messages: [at(1)] });
    c.run({ type: 'found', messages: [inJunk] });
    expect(
      short(c.run({ type: 'opened', message: at(1), verdict: { kind: 'waiting for key', until: noon + hour } })),
    ).toEqual(['open 1']);
    c.run({ type: 'renumbered', folder: 'INBOX' });
    expect(c.state.pushes).toMatchObject([{ message: inJunk, stage: { name: 'opening' } }]);
    c.run({ type: 'renumbered', folder: 'Junk' });
    expect(c.state.pushes).toEqual([]);
  });

  it('delivers nothing else while a delivery is under way, even if the mailbox order is another by now', () => {
    const c = testChannel();
    c.open(900, deliverable('x'));
    c.run({ type: 'renumbered', folder: 'INBOX' });
    // The same push, and it has not been accepted yet.
    const copy = { folder: 'INBOX', uidValidity: '8', uid: 1 };
    c.run({ type: 'found', messages: [copy] });
    expect(c.run({ type: 'opened', message: copy, verdict: deliverable('x') })).toEqual([]);
    expect(short(c.run({ type: 'accepted', message: at(900) }))).toEqual(['record 900']);
    const effects = c.run({ type: 'recorded', message: at(900) });
    expect(effects).toMatchObject([
      { type: 'record', message: copy, outcome: { kind: 'duplicate' } },
      { type: 'remove', message: at(900) },
    ]);
  });

  it('ignores answers that come too late', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1)] });
    const before = c.state;
    for (const type of ['accepted', 'refused by app', 'recorded', 'removed', 'record failed'] as const) {
      expect(c.run({ type, message: at(1) })).toEqual([]);
    }
    expect(c.run({ type: 'remove failed', message: at(1), refused: true })).toEqual([]);
    expect(c.state.pushes).toEqual(before.pushes);
  });
});

describe('a mail server that says no', () => {
  it('holds up those behind a mail that it does not give only for the first tries', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    let now = noon;
    const refusals: string[][] = [];
    for (let tries = 1; tries <= asideFailures; tries += 1) {
      refusals.push(short(c.run({ type: 'open failed', message: at(1), refused: true }, now)));
      now = nextDue(c.state, now) ?? now;
      if (tries < asideFailures) expect(short(c.run({ type: 'time passed' }, now))).toEqual(['open 1']);
    }
    expect(refusals).toEqual([[], [], ['open 2']]);
    expect(short(c.run({ type: 'opened', message: at(2), verdict: deliverable('y') }))).toEqual(['deliver 2']);
    expect(short(c.run({ type: 'time passed' }, now))).toEqual(['open 1']);
    c.run({ type: 'opened', message: at(1), verdict: deliverable('x') });
    expect(short(c.run({ type: 'accepted', message: at(2) }))).toEqual(['record 2']);
    expect(short(c.run({ type: 'recorded', message: at(2) }))).toEqual(['deliver 1', 'remove 2']);
  });

  it.each(['open', 'remove'] as const)('for a day to %s a mail leaves it where it is', (what) => {
    const c = testChannel();
    if (what === 'open') c.run({ type: 'found', messages: [at(1)] });
    else {
      c.open(1, { kind: 'expired', known: undefined });
      c.run({ type: 'recorded', message: at(1) });
    }
    let now = noon;
    let effects = c.run({ type: `${what} failed`, message: at(1), refused: true }, now);
    for (let tries = 1; effects.length === 0; tries += 1) {
      expect(tries).toBeLessThan(100);
      now = nextDue(c.state, now) ?? now;
      c.run({ type: 'time passed' }, now);
      effects = c.run({ type: `${what} failed`, message: at(1), refused: true }, now);
    }
    expect(short(effects)).toEqual(['leave 1']);
    expect(c.state.pushes).toEqual([]);
    expect((now - noon) / hour).toBeGreaterThan(20);
  });

  it('is not what it is when there is no connection: then a mail is never given up', () => {
    const c = testChannel();
    c.run({ type: 'found', messages: [at(1), at(2)] });
    let now = noon;
    for (let tries = 1; tries <= 100; tries += 1) {
      expect(c.run({ type: 'open failed', message: at(1), refused: false }, now)).toEqual([]);
      now += reopenMs;
      expect(short(c.run({ type: 'time passed' }, now))).toEqual(['open 1']);
    }
  });
});

describe('a push that is early', () => {
  it('blocks nothing, and is opened again when its time has come', () => {
    const c = testChannel();
    c.open(1, { kind: 'early', notBefore: noon + hour, until: noon + 2 * hour });
    expect(short(c.open(2, deliverable('y')))).toEqual(['open 2', 'deliver 2']);
    expect(nextDue(c.state, noon)).toBe(noon + hour);
    expect(short(c.run({ type: 'time passed' }, noon + hour))).toEqual(['open 1']);
  });
});

describe('a registration that ends', () => {
  it('delivers nothing more, but still removes what is its own', () => {
    const c = testChannel();
    c.open(1, deliverable('x'));
    c.open(2, deliverable('y'));
    expect(c.run({ type: 'retired' })).toEqual([
      { type: 'record', message: at(2), outcome: { kind: 'retired' }, trust },
    ]);
    expect(short(c.run({ type: 'refused by app', message: at(1) }))).toEqual(['record 1']);
    c.run({ type: 'found', messages: [at(3)] });
    expect(short(c.run({ type: 'opened', message: at(3), verdict: deliverable('z') }))).toEqual(['record 3']);
  });
});
