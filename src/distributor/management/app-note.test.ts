import { describe, expect, it } from 'vitest';
import { type AppFacts, noteOf } from './app-note.js';
import { nothingWaits } from './waiting.js';

const now = Date.UTC(2026, 0, 1, 12);
const keptUntil = Date.UTC(2026, 0, 29);
const nothing: AppFacts = {
  summary: { unreachable: undefined, keptUntil, isBesieged: false },
  waiting: nothingWaits,
  counts: { lastRefusal: undefined, lastDeliveredAt: undefined, wrongSince: undefined },
  presence: 'running',
  now,
};
const waitingFor = (what: keyof typeof nothingWaits, more: Partial<AppFacts> = {}): AppFacts => ({
  ...nothing,
  waiting: { ...nothingWaits, [what]: 1 },
  ...more,
});

describe('a note about an app', () => {
  it('is not there when all is well', () => {
    expect(noteOf(nothing)).toBeUndefined();
    expect(noteOf(waitingFor('turn'))).toBeUndefined();
    expect(noteOf(waitingFor('removal'))).toBeUndefined();
  });

  const unreachable = { since: now - 5000, retryAt: now + 5000 };
  it.each([
    ['absent', 'It is not running, and the session bus cannot start it: start it, or install it again; '],
    ['startable', 'It could not be started: start it by hand and look at what it says; '],
    ['unknown', 'It is not running: start it; '],
    ['running', 'It does not answer yet: it is tried again by itself, and '],
  ] as const)('says of one that is %s until when its pushes are kept', (presence, beginning) => {
    expect(noteOf(waitingFor('app', { presence, summary: { ...nothing.summary, unreachable } }))).toEqual({
      sentence: `${beginning}its pushes are kept until 2026-01-29.`,
      wrongSince: now - 5000,
    });
  });

  it('says that it gets too much, of its app server or of others, which is nothing that has gone wrong', () => {
    expect(noteOf(waitingFor('rate'))).toEqual({
      sentence:
        'More than 300 pushes an hour, and 2000 at once: they stay in the mailbox and come slowly. Tell whoever runs its app server.',
      wrongSince: undefined,
    });
    const summary = { ...nothing.summary, isBesieged: true };
    expect(noteOf({ ...nothing, summary })?.sentence).toMatch(/^Many mails are addressed to it that are no pushes/);
  });

  it('says that it refuses, since the first time', () => {
    const counts = { ...nothing.counts, wrongSince: now - 1 };
    expect(noteOf(waitingFor('refusedByApp', { counts }))).toEqual({
      sentence: 'It refuses what it is given: look at its log, or restart it; its pushes are kept until 2026-01-29.',
      wrongSince: now - 1,
    });
  });

  it('says that a clock is wrong', () => {
    expect(noteOf(waitingFor('clock'))?.sentence).toMatch(/^Pushes are dated in the future: check the clock/);
  });

  it('says that a key is waited for, without calling it wrong', () => {
    expect(noteOf(waitingFor('key'))).toMatchObject({
      sentence: expect.stringMatching(/^Pushes wait for the key/),
      wrongSince: undefined,
    });
  });

  it('says why the last push was refused, until one is delivered again', () => {
    const lastRefusal = { reason: 'It is signed by A, pinned is B.', at: now - 60 };
    const counts = { lastRefusal, lastDeliveredAt: now - 70, wrongSince: undefined };
    expect(noteOf({ ...nothing, counts })).toEqual({
      sentence:
        'Its last push was refused. It is signed by A, pinned is B. If its app server has a new key, let it push with "mailpush trust".',
      wrongSince: now - 60,
    });
    expect(noteOf({ ...nothing, counts: { ...counts, lastDeliveredAt: now - 50 } })).toBeUndefined();
    const unsigned = { ...counts, lastRefusal: { ...lastRefusal, reason: 'It is not signed.' } };
    expect(noteOf({ ...nothing, counts: unsigned })?.sentence).toBe(
      'Its last push was refused. It is not signed. Tell whoever runs its app server.',
    );
  });
});
