import { randomBytes } from 'node:crypto';
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { registrationWith } from '../../../test/tools/registration.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import { createRuntime } from '../../runtime.js';
import { StoreError } from './errors.js';
import type { Registration } from './records.js';
import { openStore, type Store } from './store.js';

const channelOf = (index: number): string => String(index).padStart(27, 'c');

const registrationOf = (index: number): Registration =>
  registrationWith({ channel: channelOf(index), token: `token-${index}`, key: randomBytes(400) });

const registrations = Array.from({ length: 40 }, (_, index) => registrationOf(index));
const later = 4_000_000_000_000;

/** A state directory whose registrations lie in tables and in the log, half and half. */
async function filledState(): Promise<string> {
  const directory = await temporaryDirectory();
  for (const half of [registrations.slice(0, 20), registrations.slice(20)]) {
    const store = await openStore(directory);
    for (const registration of half) await store.saveRegistrations([registration]);
    const outcome = { kind: 'delivered', id: `id-${half.length}`, rememberUntil: later } as const;
    await store.record({ channel: channelOf(1), outcome, registration: undefined });
    const opened = [{ uid: 7, channel: channelOf(1) }];
    await store.saveLook('INBOX', { progress: { uidValidity: '1', lastUid: 9 }, opened, closed: [] });
    await store.close();
  }
  return directory;
}

interface Reopened {
  readonly store: Store;
  readonly troubles: ReadonlyMap<string, string>;
  /** What was logged, as facts. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
}

async function reopen(directory: string): Promise<Reopened> {
  const logged: Record<string, unknown>[] = [];
  const note = (facts: object): void => void logged.push({ ...facts });
  const troubles = new Map<string, string>();
  const store = await openStore(directory, {
    runtime: createRuntime({ debug: note, info: note, warn: note, error: note }),
    trouble: (source, sentence) => {
      if (sentence === undefined) troubles.delete(source);
      else troubles.set(source, sentence);
    },
  });
  onTestFinished(() => store.close());
  return { store, troubles, logged };
}

const damagedIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name !== 'store').sort();

async function nameOf(directory: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(join(directory, 'store'))).sort().findLast((one) => pattern.test(one));
  if (name === undefined) throw new Error(`There is no ${pattern}.`);
  return join(directory, 'store', name);
}

const filePatterns = { CURRENT: /^CURRENT$/, MANIFEST: /^MANIFEST/, table: /\.ldb$/, log: /\.log$/ } as const;

/** Changes a byte of the file, so far into it (0 to 1). */
async function flip(path: string, where: number): Promise<void> {
  const file = await open(path, 'r+');
  const at = Math.floor((await file.stat()).size * where);
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 0x55]), 0, 1, at);
  await file.close();
}

describe('a damaged store gives everything that can be read of it', () => {
  it.each([
    ['CURRENT is missing', 'CURRENT', (path: string) => rm(path), 40],
    ['CURRENT is empty', 'CURRENT', (path: string) => writeFile(path, ''), 40],
    ['CURRENT names what is not there', 'CURRENT', (path: string) => writeFile(path, 'MANIFEST-000099\n'), 40],
    ['the manifest is missing', 'MANIFEST', (path: string) => rm(path), 40],
    ['the manifest is cut off', 'MANIFEST', (path: string) => truncate(path, 30), 40],
    ['the manifest is garbled', 'MANIFEST', (path: string) => writeFile(path, randomBytes(200)), 40],
    ['a table is missing', 'table', (path: string) => rm(path), 20],
    ['a table is empty', 'table', (path: string) => truncate(path, 0), 20],
    ['a table is cut off', 'table', (path: string) => truncate(path, 5000), 20],
    ['a table is garbled', 'table', (path: string) => writeFile(path, randomBytes(20_000)), 20],
    ['a table is a folder', 'table', async (path: string) => rm(path).then(() => mkdir(path)), 20],
    ['the log is missing', 'log', (path: string) => rm(path), 20],
    ['the log is garbled', 'log', (path: string) => writeFile(path, randomBytes(100_000)), 20],
    ['a byte at the beginning of the log is wrong', 'log', (path: string) => flip(path, 0.001), 39],
    ['a byte in the middle of the log is wrong', 'log', (path: string) => flip(path, 0.5), 39],
  ] as const)('%s', async (_, file, harm, kept) => {
    const directory = await filledState();
    await harm(await nameOf(directory, filePatterns[file]));
    const { store, troubles, logged } = await reopen(directory);
    const found = await store.registrations();
    expect(found.length).toBeGreaterThanOrEqual(kept);
    for (const one of found) expect(registrations.map(({ channel }) => channel)).toContain(one.channel);
    const [aside, ...others] = await damagedIn(directory);
    expect(aside).toMatch(/^store\.damaged-20\d\d-\d\d-\d\dT[\d-]+Z$/);
    expect(others).toEqual([]);
    expect((await stat(join(directory, aside ?? ''))).mode & 0o777).toBe(0o700);
    expect(logged).toEqual([expect.objectContaining({ event: 'store.damaged', folder: join(directory, aside ?? '') })]);
    expect(troubles.get('store:damaged')).toContain(join(directory, aside ?? ''));
    // It goes on, and so does the next one.
    await store.saveRegistrations([registrationOf(99)]);
    await store.close();
    const again = await reopen(directory);
    expect(await again.store.registrations()).toHaveLength(found.length + 1);
    expect(again.logged).toEqual([]);
    expect(again.troubles.has('store:damaged')).toBe(true);
  });

  it('with its other records: what is delivered, and how far the folder was looked through', async () => {
    const directory = await filledState();
    await rm(await nameOf(directory, filePatterns.MANIFEST));
    const { store } = await reopen(directory);
    expect(store.wasDelivered(channelOf(1), 'id-20')).toBe(true);
    const open = [{ uid: 7, channel: channelOf(1) }];
    expect(await store.folder('INBOX')).toEqual({ uidValidity: '1', lastUid: 9, open });
  });

  it('and is empty when nothing can be read at all', async () => {
    const directory = await filledState();
    for (const name of await readdir(join(directory, 'store'))) {
      await writeFile(join(directory, 'store', name), randomBytes(9000));
    }
    const { store } = await reopen(directory);
    expect(await store.registrations()).toEqual([]);
    await store.saveRegistrations([registrationOf(1)]);
  });

  it.each([
    ['a registration without a key', `registration/${channelOf(1)}`, '{}'],
    ['a registration that is no JSON', `registration/${channelOf(1)}`, '{"channel'],
    ['a registration under the key of another', `registration/${channelOf(1)}`, 'other'],
    ['a folder with another shape', 'folder/INBOX', '{"uidValidity":"x","lastUid":1}'],
    ['an open message without a UID', 'open/INBOX/x', `"${channelOf(1)}"`],
    ['an open message without a channel', 'open/INBOX/8', 'null'],
    ['a delivered id without an end', `delivered/${channelOf(1)}/x`, '"soon"'],
    ['a format that never was', 'format', '0'],
    ['a format that is no number', 'format', '"1"'],
  ])('but %s', async (_, key, value) => {
    const directory = await filledState();
    const db = new ClassicLevel<string, string>(join(directory, 'store'), { compression: false });
    const other = (await db.get(`registration/${channelOf(2)}`)) ?? '';
    await db.put(key, value === 'other' ? other : value);
    await db.close();
    const { store, logged } = await reopen(directory);
    const isRegistration = key.startsWith('registration/');
    expect(await store.registrations()).toHaveLength(isRegistration ? 39 : 40);
    expect(logged).toEqual([expect.objectContaining({ event: 'store.damaged', lost: 1 })]);
  });
});

describe('damaged stores that were moved aside', () => {
  async function damageAgain(directory: string): Promise<void> {
    await rm(await nameOf(directory, filePatterns.CURRENT));
    const store = await openStore(directory);
    await store.close();
  }

  it('are as they were found, and three at most', async () => {
    const directory = await filledState();
    const current = await nameOf(directory, filePatterns.CURRENT);
    const log = await nameOf(directory, filePatterns.log);
    const bytes = await readFile(log);
    await rm(current);
    await (await openStore(directory)).close();
    const [first] = await damagedIn(directory);
    expect(await readFile(log.replace('/store/', `/${first}/`))).toEqual(bytes);
    for (let times = 0; times < 4; times += 1) await damageAgain(directory);
    const all = await damagedIn(directory);
    expect(all).toHaveLength(3);
    expect(all).not.toContain(first);
  });

  it('are spoken of until they are removed', async () => {
    const directory = await filledState();
    await damageAgain(directory);
    const [aside] = await damagedIn(directory);
    await rm(join(directory, aside ?? ''), { recursive: true });
    expect((await reopen(directory)).troubles.size).toBe(0);
  });

  it('are gone after 28 days, with the keys in them', async () => {
    const directory = await filledState();
    await damageAgain(directory);
    const later = createRuntime();
    const dayMs = 24 * 60 * 60_000;
    const store = await openStore(directory, { runtime: { ...later, now: () => Date.now() + 29 * dayMs } });
    await store.close();
    expect(await damagedIn(directory)).toEqual([]);
  });
});

describe('a rescue that was cut off', () => {
  it('begins again', async () => {
    const directory = await filledState();
    await rm(await nameOf(directory, filePatterns.CURRENT));
    await mkdir(join(directory, 'store.rescue/new'), { recursive: true });
    await mkdir(join(directory, 'store.rescue/lock'));
    await writeFile(join(directory, 'store.rescue/lock/CURRENT'), 'MANI');
    await writeFile(join(directory, 'store.rescue/new/000001.log'), 'x');
    const { store } = await reopen(directory);
    expect(await store.registrations()).toHaveLength(40);
    expect(await damagedIn(directory)).toHaveLength(1);
  });

  it('ends what was all but done', async () => {
    const directory = await filledState();
    await mkdir(join(directory, 'store.rescue'));
    await cp(join(directory, 'store'), join(directory, 'store.rescue/new'), { recursive: true });
    await rm(join(directory, 'store'), { recursive: true });
    const { store } = await reopen(directory);
    expect(await store.registrations()).toHaveLength(40);
    expect(await damagedIn(directory)).toEqual([]);
  });

  it('is left to the one that is at it', async () => {
    const directory = await filledState();
    await rm(await nameOf(directory, filePatterns.CURRENT));
    const lock = join(directory, 'store.rescue/lock');
    await mkdir(lock, { recursive: true });
    const other = new ClassicLevel(lock);
    await other.open();
    onTestFinished(() => other.close());
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_IN_USE' });
  });

  it('never touches a store that is in use', async () => {
    const directory = await filledState();
    const store = await openStore(directory);
    onTestFinished(() => store.close());
    await rm(await nameOf(directory, filePatterns.CURRENT));
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_IN_USE' });
    expect(await damagedIn(directory)).toEqual([]);
    await store.saveRegistrations([registrationOf(99)]);
    expect(await store.registrations()).toHaveLength(41);
  });
});

describe('whatever lies on disk', () => {
  it('opening it ends with a store or a StoreError', async () => {
    const original = await filledState();
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            file: fc.nat(20),
            harm: fc.constantFrom('flip', 'cut', 'garble', 'remove', 'empty', 'folder', 'swap'),
            where: fc.double({ min: 0, max: 0.999, noNaN: true }),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        async (harms) => {
          const directory = await temporaryDirectory();
          await cp(join(original, 'store'), join(directory, 'store'), { recursive: true });
          for (const { file, harm, where } of harms) {
            const names = (await readdir(join(directory, 'store'))).sort();
            const path = join(directory, 'store', names[file % names.length] ?? '');
            const size = (await stat(path)).isFile() ? (await stat(path)).size : -1;
            if (size < 0) continue;
            if (harm === 'flip' && size > 0) await flip(path, where);
            if (harm === 'cut') await truncate(path, Math.floor(size * where));
            if (harm === 'garble') await writeFile(path, randomBytes(size));
            if (harm === 'empty') await truncate(path, 0);
            if (harm === 'remove' || harm === 'folder') await rm(path);
            if (harm === 'folder') await mkdir(path);
            if (harm === 'swap') await writeFile(path, await readFile(await nameOf(directory, /./)).catch(() => 'x'));
          }
          let store: Store | undefined;
          try {
            store = await openStore(directory);
            await store.registrations();
            await store.folder('INBOX');
            store.wasDelivered(channelOf(1), 'id-20');
            await store.saveRegistrations([registrationOf(99)]);
          } catch (error) {
            expect(error).toBeInstanceOf(StoreError);
          } finally {
            await store?.close();
            await rm(directory, { recursive: true });
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
