import { describe, expect, it } from 'vitest';
import { createReach } from './reach.js';

const folder = { uidValidity: '17', uidNext: 44 };
const before = { uidValidity: '17', lastUid: 40 };
const ref = (uid: number, uidValidity = '17') => ({ folder: 'INBOX', uid, uidValidity });
const found = (uid: number) => ({ uid, sizeBytes: 1, channel: 'x' });

describe('the reach of a connection', () => {
  it('is every message that came since the connection before', () => {
    const reach = createReach(folder, before);
    expect(reach.within([ref(41), ref(99)])).toEqual([41, 99]);
  });

  it('is no older message until it has been found again', () => {
    const reach = createReach(folder, before);
    expect(() => reach.within([ref(41), ref(7)])).toThrow(expect.objectContaining({ code: 'ERR_IMAP_LOST' }));
    reach.found([found(7)]);
    expect(reach.within([ref(41), ref(7)])).toEqual([41, 7]);
  });

  it('is not what was looked for and not found', () => {
    const reach = createReach(folder, before);
    reach.found([found(7)]);
    reach.caughtUp();
    expect(reach.within([ref(7), ref(8)])).toEqual([7]);
  });

  it('is no message of another UIDVALIDITY', () => {
    const reach = createReach(folder, before);
    expect(reach.within([ref(41, '16'), ref(7, '16'), ref(42)])).toEqual([42]);
  });

  it('is every message when the numbers are new', () => {
    expect(createReach(folder, { uidValidity: '16', lastUid: 400 }).within([ref(1)])).toEqual([1]);
    expect(createReach(folder, undefined).within([ref(1)])).toEqual([1]);
  });
});
