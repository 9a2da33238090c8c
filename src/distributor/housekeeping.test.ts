import { describe, expect, it } from 'vitest';
import { createManualTime } from '../../test/tools/manual-time.js';
import { registrationWith } from '../../test/tools/registration.js';
import {
  createHousekeeping,
  drainedChannels,
  drainMs,
  maxDraining,
  maxRetired,
  outdatedChannels,
  retiredMs,
} from './housekeeping.js';
import { type Registration, StoreError } from './store/index.js';

const dayMs = 24 * 60 * 60_000;
const noon = Date.UTC(2026, 0, 1, 12);

const registered = (channel: string, retiredAt: number | null): Registration =>
  registrationWith({ channel, registeredAt: 0, retiredAt });

describe('a channel is forgotten', () => {
  it('29 days after it was retired, and never while it lives', () => {
    const all = [
      registered('live', null),
      registered('due', noon - retiredMs),
      registered('late', noon - retiredMs + 1),
    ];
    expect(retiredMs).toBe(29 * dayMs);
    expect(outdatedChannels(all, noon)).toEqual(['due']);
  });

  it('sooner where there are very many: the one that was retired first', () => {
    const retired = Array.from({ length: maxRetired + 2 }, (_, index) => registered(`${index}`, noon - index));
    const live = Array.from({ length: 2000 }, (_, index) => registered(`live ${index}`, null));
    expect(outdatedChannels([...retired, ...live], noon)).toEqual([`${maxRetired}`, `${maxRetired + 1}`]);
  });
});

describe('a channel has drained', () => {
  const draining = (channel: string, replacedAt: number, change: Partial<Registration> = {}): Registration =>
    registrationWith({ channel, replacedAt, ...change });

  it('28 days after it was replaced, if it belongs to an app and has not ended before', () => {
    const all = [
      registered('live', null),
      draining('due', noon - drainMs),
      draining('late', noon - drainMs + 1),
      draining('ended', noon - drainMs, { retiredAt: noon - 1 }),
      draining('grant', noon - drainMs, { purpose: 'grant' }),
    ];
    expect(drainMs).toBe(28 * dayMs);
    expect(drainedChannels(all, noon)).toEqual(['due']);
  });

  it('not before its app has another endpoint', () => {
    const gateway = { url: 'https://push.example.org', endpoint: null, expires: null, renewAt: null, vapid: null };
    const old = [draining('old', 0, { token: 'a' }), draining('older', 0, { token: 'b' })];
    const waiting = registrationWith({ channel: 'new', token: 'a', gateway });
    expect(drainedChannels([...old, waiting], noon)).toEqual(['older']);
    const told = { ...waiting, gateway: { ...gateway, endpoint: 'https://push.example.org/p/x' } };
    expect(drainedChannels([...old, told], noon)).toEqual(['old', 'older']);
    expect(drainedChannels([...old, { ...waiting, retiredAt: 1 }], noon)).toEqual(['old', 'older']);
  });

  it('sooner where there are very many: the one that was replaced first', () => {
    const all = Array.from({ length: maxDraining + 2 }, (_, index) => draining(`${index}`, noon - index));
    expect(drainedChannels(all, noon)).toEqual([`${maxDraining}`, `${maxDraining + 1}`]);
  });
});

describe('housekeeping', () => {
  /** A disk that fails as long as it is told to. */
  function setUp(registrations: Registration[]) {
    const time = createManualTime();
    const done: string[] = [];
    let isFull = false;
    async function note(what: string): Promise<void> {
      if (isFull) throw new StoreError('ERR_STORE_WRITE', 'Full.');
      done.push(what);
    }
    const housekeeping = createHousekeeping({
      channels: { all: () => registrations },
      registrations: {
        inTurn: async (act) => await act(),
        retire: async (...channels) => {
          for (const channel of channels) await note(`retire ${channel}`);
        },
      },
      store: {
        deleteRegistration: (channel) => note(`delete ${channel}`),
        deleteExpired: (now) => note(`delete ids of ${(now - noon) / dayMs}`),
      },
      forget: (channel) => {
        done.push(`forget ${channel}`);
        registrations.splice(0, registrations.length, ...registrations.filter((one) => one.channel !== channel));
      },
      runtime: time.runtime,
    });
    const fill = (full: boolean): void => {
      isFull = full;
    };
    return { time, done, housekeeping, fill };
  }

  it('is done at the start and every day, until it is ended', async () => {
    const { time, done, housekeeping } = setUp([registered('a', noon - retiredMs), registered('b', noon - 28 * dayMs)]);
    const ending = new AbortController();
    const run = housekeeping.run(ending.signal);
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect(done.splice(0)).toEqual(['forget a', 'delete a', 'delete ids of 0']);
    time.pass(dayMs);
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect(done).toEqual(['forget b', 'delete b', 'delete ids of 1']);
    ending.abort();
    await run;
    expect(time.sleepers()).toEqual([]);
  });

  it('ends on its day what has drained', async () => {
    const replaced = registrationWith({ channel: 'a', replacedAt: noon - drainMs + dayMs });
    const { time, done, housekeeping } = setUp([replaced]);
    const ending = new AbortController();
    const run = housekeeping.run(ending.signal);
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect(done.splice(0)).toEqual(['delete ids of 0']);
    time.pass(dayMs);
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect(done).toEqual(['retire a', 'delete ids of 1']);
    ending.abort();
    await run;
  });

  it('goes on when the disk takes nothing', async () => {
    const { time, done, housekeeping, fill } = setUp([registered('a', noon - retiredMs)]);
    fill(true);
    const ending = new AbortController();
    const run = housekeeping.run(ending.signal);
    await expect.poll(() => time.sleepers()).toEqual([dayMs]);
    expect(done).toEqual(['forget a']);
    fill(false);
    time.pass(dayMs);
    await expect.poll(() => done).toEqual(['forget a', 'delete ids of 1']);
    ending.abort();
    await run;
  });
});
