import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/tools/temporary-directory.js';
import { silentLog } from '../runtime.js';
import { createFolderProgress } from './folder-progress.js';
import { type FolderRecord, type LookRecord, openStore, StoreError } from './store/index.js';

const channel = 'c'.repeat(27);
const other = 'd'.repeat(27);
const at = (uid: number, name = channel) => ({ uid, sizeBytes: 1, channel: name });
const until = (lastUid: number, uidValidity = '7') => ({ uidValidity, lastUid });

/** A disk for one folder that can be full. */
function createDisk() {
  let record: FolderRecord | undefined;
  let writes = 0;
  let isFull = false;
  async function write(next: () => FolderRecord | undefined): Promise<void> {
    if (isFull) throw new StoreError('ERR_STORE_WRITE', 'Full.');
    writes += 1;
    record = next();
  }
  return {
    saveLook: (_: string, { progress, opened, closed }: LookRecord) =>
      write(() => {
        const open = new Map(record?.open.map((message) => [message.uid, message.channel]));
        for (const uid of closed) open.delete(uid);
        for (const message of opened) open.set(message.uid, message.channel);
        return { ...progress, open: [...open].map(([uid, name]) => ({ uid, channel: name })) };
      }),
    closeMessage: (_: string, uid: number) =>
      write(() => record && { ...record, open: record.open.filter((message) => message.uid !== uid) }),
    fill: (full: boolean) => {
      isFull = full;
    },
    get record() {
      return record;
    },
    get writes() {
      return writes;
    },
  };
}

const start = (disk: ReturnType<typeof createDisk>) => createFolderProgress(disk, silentLog, 'INBOX', disk.record);

describe('the progress of a folder', () => {
  it('is unknown until the first look', async () => {
    const disk = createDisk();
    const progress = start(disk);
    expect([progress.progress, progress.openUids()]).toEqual([undefined, []]);
    await progress.looked({ found: [], gone: [], progress: until(0) });
    expect(progress.progress).toEqual(until(0));
    expect(disk.record).toEqual({ ...until(0), open: [] });
  });

  it('knows after a restart what is open', async () => {
    const directory = await temporaryDirectory();
    const store = await openStore(directory);
    const before = createFolderProgress(store, silentLog, 'INBOX', undefined);
    await before.looked({ found: [at(3), at(4, other), at(5)], gone: [], progress: until(9) });
    await before.looked({ found: [at(11)], gone: [5], progress: until(12) });
    before.letGo({ folder: 'INBOX', uidValidity: '7', uid: 3 });
    await store.close();
    const again = await openStore(directory);
    const after = createFolderProgress(again, silentLog, 'INBOX', await again.folder('INBOX'));
    await again.close();
    expect(after.progress).toEqual(until(12));
    expect(after.openUids()).toEqual([4, 11]);
    expect([after.channelOf(4), after.channelOf(11), after.channelOf(3)]).toEqual([other, channel, undefined]);
  });

  it('forgets every open message when the server numbers anew, and keeps what it finds under the same UID', async () => {
    const disk = createDisk();
    const progress = start(disk);
    await progress.looked({ found: [at(1), at(2)], gone: [], progress: until(2) });
    await progress.looked({ found: [at(2, other)], gone: [], progress: until(2, '8') });
    expect(progress.openUids()).toEqual([2]);
    expect(disk.record).toEqual({ ...until(2, '8'), open: [{ uid: 2, channel: other }] });
  });

  it('does not let go of a message that has another UIDVALIDITY', async () => {
    const disk = createDisk();
    const progress = start(disk);
    await progress.looked({ found: [at(1)], gone: [], progress: until(1) });
    progress.letGo({ folder: 'INBOX', uidValidity: '6', uid: 1 });
    expect(progress.openUids()).toEqual([1]);
  });

  it('writes nothing when a look brings nothing new', async () => {
    const disk = createDisk();
    const progress = start(disk);
    await progress.looked({ found: [at(1)], gone: [], progress: until(1) });
    await progress.looked({ found: [at(1)], gone: [44], progress: until(1) });
    expect(disk.writes).toBe(1);
  });

  it('brings what could not be written to the disk with the next look, so that no open message is lost', async () => {
    const disk = createDisk();
    const progress = start(disk);
    await progress.looked({ found: [at(1), at(2)], gone: [], progress: until(2) });
    disk.fill(true);
    await progress.looked({ found: [at(3), at(4)], gone: [2], progress: until(4) });
    progress.letGo({ folder: 'INBOX', uidValidity: '7', uid: 4 });
    disk.fill(false);
    await progress.looked({ found: [at(6)], gone: [], progress: until(6) });
    const open = [1, 3, 6].map((uid) => ({ uid, channel }));
    expect(disk.record).toEqual({ ...until(6), open });
  });

  it('on disk never misses a message that is open, whatever can be written when', async () => {
    const look = fc.record({
      full: fc.boolean(),
      found: fc.uniqueArray(fc.integer({ min: 1, max: 9 })),
      gone: fc.uniqueArray(fc.integer({ min: 1, max: 9 })),
      letGo: fc.integer({ min: 1, max: 9 }),
      uidValidity: fc.constantFrom('7', '7', '7', '8'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(look, { maxLength: 12 }), async (looks) => {
        const disk = createDisk();
        const progress = start(disk);
        let lastUid = 0;
        for (const { full, found, gone, letGo, uidValidity } of looks) {
          disk.fill(full);
          lastUid += 1;
          const goneOnly = gone.filter((uid) => !found.includes(uid));
          await progress.looked({
            found: found.map((uid) => at(uid)),
            gone: goneOnly,
            progress: until(lastUid, uidValidity),
          });
          progress.letGo({ folder: 'INBOX', uidValidity, uid: letGo });
        }
        disk.fill(false);
        await progress.looked({ found: [], gone: [], progress: until(lastUid + 1, progress.progress?.uidValidity) });
        const onDisk = disk.record?.open.map(({ uid }) => uid) ?? [];
        expect(onDisk).toEqual(expect.arrayContaining([...progress.openUids()]));
      }),
      { numRuns: 200 },
    );
  });
});
