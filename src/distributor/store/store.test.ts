import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { registrationWith } from '../../../test/tools/registration.js';
import { temporaryDirectory } from '../../../test/tools/temporary-directory.js';
import type { Pin } from '../delivery/index.js';
import { maxTopics } from './old-topics.js';
import type { Registration } from './records.js';
import { openStore, type Store } from './store.js';

const channelOf = (index: number): string => String(index).padStart(27, 'c');
const pin: Pin = { fingerprint: 'a'.repeat(40), address: 'push@app.example', keydata: new Uint8Array([0, 255, 7]) };

function registrationOf(index: number, change: Partial<Registration> = {}): Registration {
  return registrationWith({
    channel: channelOf(index),
    token: `{token ${index}} "ä/\u0000`,
    key: new Uint8Array([1, 2, 254, index]),
    ...change,
  });
}

async function open(directory: string): Promise<Store> {
  const store = await openStore(directory);
  onTestFinished(() => store.close());
  return store;
}

/** What a directory holds, read by a store that was opened anew. */
async function reopened<T>(directory: string, store: Store, read: (store: Store) => Promise<T> | T): Promise<T> {
  await store.close();
  const again = await openStore(directory);
  try {
    return await read(again);
  } finally {
    await again.close();
  }
}

const deliveredOutcome = (id: string, rememberUntil: number) => ({ kind: 'delivered', id, rememberUntil }) as const;

/** Writes straight into the database, as a fault or another version would. */
async function damage(directory: string, key: string, value: string): Promise<void> {
  const db = new ClassicLevel<string, string>(join(directory, 'store'));
  await db.put(key, value);
  await db.close();
}

it('opens where no folder is there yet, however busy the machine is', async () => {
  const directory = await temporaryDirectory();
  const busy = Array.from({ length: 40 }, (_, index) => openStore(join(directory, `${index}`, 'far', 'down')));
  for (const store of await Promise.all(busy)) await store.close();
});

describe('the store', () => {
  it('is empty when it is new', async () => {
    const store = await open(join(await temporaryDirectory(), 'not/there/yet'));
    expect(await store.registrations()).toEqual([]);
    expect(await store.folder('INBOX')).toBeUndefined();
    expect(store.wasDelivered(channelOf(1), 'x')).toBe(false);
  });

  it('keeps registrations over a restart, the last of each channel', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const full = registrationOf(2, { busId: 'b', vapid: 'v', retiredAt: 5, sender: 'f'.repeat(40), pin, protocol: 1 });
    await store.saveRegistrations([registrationOf(1), registrationOf(2)]);
    await store.saveRegistrations([full]);
    expect(await reopened(directory, store, (again) => again.registrations())).toEqual([registrationOf(1), full]);
  });

  it('keeps what a gateway has given for a channel, and that another has taken its place', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const gateway = {
      url: 'https://push.example.org',
      endpoint: 'https://push.example.org/p/x',
      expires: 9,
      renewAt: 6,
      vapid: 'v',
    };
    const none = { endpoint: null, expires: null, renewAt: null, vapid: null };
    const kept = [
      registrationOf(1, { gateway, replacedAt: 7 }),
      registrationOf(2, { purpose: 'grant', gateway: { ...gateway, ...none } }),
    ];
    await store.saveRegistrations(kept);
    expect(await reopened(directory, store, (again) => again.registrations())).toEqual(kept);
  });

  it('keeps how far it is with each gateway', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    expect(await store.gateways()).toEqual([]);
    const revocations = [{ channel: channelOf(1), endpoint: 'https://push.example.org/p/x', expires: 9 }];
    const request = { channel: channelOf(2), nonce: 'n', since: 1, isMailed: true };
    const grant = { token: 'g', expires: 9, renewAt: 6 };
    const one = { url: 'https://push.example.org', address: 'alice@example.org', request, mailed: [1], revocations };
    const gateways = [
      { ...one, grant, pin },
      { ...one, request: null, grant: null, pin: null },
    ];
    await store.saveGateways(gateways);
    expect(await reopened(directory, store, (again) => again.gateways())).toEqual(gateways);
  });

  it('reads the registrations of a version that knew neither gateways nor replaced channels', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    await store.close();
    const { purpose: _, replacedAt: __, gateway: ___, next: ____, peer: _____, ...old } = registrationOf(1);
    const key = Buffer.from(old.key).toString('base64');
    await damage(directory, `registration/${old.channel}`, JSON.stringify({ ...old, key }));
    expect(await (await open(directory)).registrations()).toEqual([registrationOf(1)]);
  });

  it('keeps delivered ids and the pin that came with one', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const id = 'a/b:c!0';
    const registration = registrationOf(1, { pin });
    await store.record({ channel: channelOf(1), outcome: deliveredOutcome(id, 5), registration });
    await reopened(directory, store, async (again) => {
      expect(again.wasDelivered(channelOf(1), id)).toBe(true);
      expect(again.wasDelivered(channelOf(1), 'a')).toBe(false);
      expect(again.wasDelivered(channelOf(2), id)).toBe(false);
      expect(await again.registrations()).toEqual([registration]);
    });
  });

  it('keeps the pin that a refused push brought, and no id of it', async () => {
    const store = await open(await temporaryDirectory());
    const registration = registrationOf(1, { pin });
    await store.record({ channel: channelOf(1), outcome: { kind: 'refused', reason: 'no' }, registration });
    await store.record({ channel: channelOf(1), outcome: { kind: 'expired' }, registration: undefined });
    expect(await store.registrations()).toEqual([registration]);
  });

  it('knows an id as delivered as soon as it is told', async () => {
    const store = await open(await temporaryDirectory());
    const writing = store.record({
      channel: channelOf(1),
      outcome: deliveredOutcome('x', 5),
      registration: undefined,
    });
    expect(store.wasDelivered(channelOf(1), 'x')).toBe(true);
    await writing;
    expect(store.wasDelivered(channelOf(1), 'x')).toBe(true);
  });

  it('forgets a registration with its ids, however many, and no other', async () => {
    const store = await open(await temporaryDirectory());
    await store.saveRegistrations([registrationOf(1), registrationOf(2)]);
    const ids = Array.from({ length: 1100 }, (_, index) => `id${index}`);
    await Promise.all(
      [1, 2].flatMap((index) =>
        ids.map((id) =>
          store.record({ channel: channelOf(index), outcome: deliveredOutcome(id, 5), registration: undefined }),
        ),
      ),
    );
    await store.deleteRegistration(channelOf(1));
    expect(await store.registrations()).toEqual([registrationOf(2)]);
    expect(ids.filter((id) => store.wasDelivered(channelOf(1), id))).toEqual([]);
    expect(ids.every((id) => store.wasDelivered(channelOf(2), id))).toBe(true);
  });

  it('forgets ids when their time has come', async () => {
    const store = await open(await temporaryDirectory());
    for (const until of [1, 2, 3]) {
      await store.record({
        channel: channelOf(1),
        outcome: deliveredOutcome(`${until}`, until),
        registration: undefined,
      });
    }
    await store.deleteExpired(2);
    expect(['1', '2', '3'].filter((id) => store.wasDelivered(channelOf(1), id))).toEqual(['3']);
  });

  it('keeps the last push of each topic of each channel, in the same write as its id', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const markOf = (topic: string, timestamp: number) => ({
      topic,
      timestamp,
      message: { folder: 'INBOX', uidValidity: '17', uid: timestamp },
    });
    const channel = channelOf(1);
    const write = (topic: string, timestamp: number) =>
      store.record({
        channel,
        outcome: deliveredOutcome(`${timestamp}`, 5),
        mark: markOf(topic, timestamp),
        registration: undefined,
      });
    await write('news', 1);
    const writing = write('news', 2);
    expect(store.lastOfTopic(channel, 'news')).toEqual(markOf('news', 2));
    await writing;
    await write('weather', 3);
    await store.record({ channel, outcome: { kind: 'expired' }, mark: markOf('expired', 4), registration: undefined });
    await reopened(directory, store, async (again) => {
      const topics = ['news', 'weather', 'expired', 'new'].map((topic) => again.lastOfTopic(channel, topic));
      expect(topics).toEqual([markOf('news', 2), markOf('weather', 3), markOf('expired', 4), undefined]);
      expect(again.lastOfTopic(channelOf(2), 'news')).toBeUndefined();
      await again.deleteRegistration(channel);
      expect(again.lastOfTopic(channel, 'news')).toBeUndefined();
    });
  });

  it('forgets topics when no earlier push can be live, and the oldest of too many', async () => {
    const store = await open(await temporaryDirectory());
    const record = async (index: number, topic: string, timestamp: number): Promise<void> => {
      const message = { folder: 'INBOX', uidValidity: '17', uid: 1 };
      const outcome = deliveredOutcome(topic, 5);
      const mark = { topic, timestamp, message };
      await store.record({ channel: channelOf(index), outcome, mark, registration: undefined });
    };
    const endOfLife = 1000 + 28 * 24 * 3600 + 600;
    await record(1, 'old', 1000);
    await record(1, 'new', 1001);
    await store.deleteExpired(endOfLife * 1000 + 1);
    expect(store.lastOfTopic(channelOf(1), 'old')).toBeUndefined();
    expect(store.lastOfTopic(channelOf(1), 'new')).toBeDefined();
    const topics = Array.from({ length: maxTopics + 5 }, (_, index) => `topic${index}`);
    await Promise.all(topics.map((topic, index) => record(2, topic, 2000 + index)));
    await store.deleteExpired(0);
    expect(topics.filter((topic) => store.lastOfTopic(channelOf(2), topic) === undefined)).toEqual(topics.slice(0, 5));
    expect(store.lastOfTopic(channelOf(1), 'new')).toBeDefined();
  });

  it('keeps how far each folder was looked through, and what is open in it', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const progress = { uidValidity: '17', lastUid: 20 };
    const at = (uid: number) => ({ uid, channel: channelOf(uid) });
    await store.saveLook('INBOX', { progress, opened: [at(9), at(10), at(20)], closed: [] });
    await store.saveLook('INBOX/Push ä', { progress, opened: [at(9)], closed: [] });
    await store.closeMessage('INBOX', 10);
    await store.saveLook('INBOX', { progress: { ...progress, lastUid: 30 }, opened: [at(30)], closed: [20, 99] });
    await reopened(directory, store, async (again) => {
      expect(await again.folder('INBOX')).toEqual({ ...progress, lastUid: 30, open: [at(9), at(30)] });
      expect(await again.folder('INBOX/Push ä')).toEqual({ ...progress, open: [at(9)] });
      expect(await again.folder('INB')).toBeUndefined();
    });
  });

  it('writes in the order in which it was asked, and all of it before it closes', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const descriptions = Array.from({ length: 50 }, (_, index) => `${index}`);
    void Promise.all(descriptions.map((description) => store.saveRegistrations([registrationOf(1, { description })])));
    const [last] = await reopened(directory, store, (again) => again.registrations());
    expect(last?.description).toBe('49');
  });

  it('is for its owner alone', async () => {
    const parent = await temporaryDirectory();
    const directory = join(parent, 'a/b');
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const umask = process.umask(0o077);
    onTestFinished(() => {
      process.umask(umask);
    });
    const store = await open(directory);
    await store.saveRegistrations([registrationOf(1)]);
    const names = await readdir(directory, { recursive: true });
    const modes = await Promise.all(
      ['', ...names].map(async (name) => {
        const facts = await stat(join(directory, name));
        return [name, facts.isDirectory(), (facts.mode & 0o777).toString(8)];
      }),
    );
    expect(names.length).toBeGreaterThan(3);
    expect(modes.filter(([, isDirectory, mode]) => mode !== (isDirectory ? '700' : '600'))).toEqual([]);
  });
});

describe('the state directory', () => {
  it.each(['with spaces and ä', '-x', 'a\nb'])('may have any name: %j', async (name) => {
    const directory = join(await temporaryDirectory(), name);
    const store = await open(directory);
    await store.saveRegistrations([registrationOf(1)]);
    expect(await reopened(directory, store, (again) => again.registrations())).toEqual([registrationOf(1)]);
  });

  it('may be a link to a folder', async () => {
    const parent = await temporaryDirectory();
    await mkdir(join(parent, 'real'));
    await symlink('real', join(parent, 'link'));
    const store = await open(join(parent, 'link'));
    await store.saveRegistrations([registrationOf(1)]);
    expect(await reopened(join(parent, 'real'), store, (again) => again.registrations())).toHaveLength(1);
  });

  it('that holds other things too keeps its permissions; only the store in it is closed', async () => {
    const directory = await temporaryDirectory();
    await chmod(directory, 0o755);
    await writeFile(join(directory, 'letters'), '');
    await mkdir(join(directory, 'store'), { mode: 0o755 });
    const store = await open(directory);
    await store.saveRegistrations([registrationOf(1)]);
    expect((await stat(directory)).mode & 0o777).toBe(0o755);
    expect((await stat(join(directory, 'store'))).mode & 0o777).toBe(0o700);
  });
});

describe('a store that cannot be used', () => {
  it.each([
    ['is a link to nowhere', (path: string) => symlink('nowhere/at/all', path)],
    [
      'holds a file in place of the store',
      (path: string) => mkdir(path).then(() => writeFile(join(path, 'store'), '')),
    ],
  ])('%s', async (_, make) => {
    const path = join(await temporaryDirectory(), 'state');
    await make(path);
    await expect(openStore(path)).rejects.toMatchObject({ code: 'ERR_STORE_UNUSABLE' });
  });

  it('is in use by another', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_IN_USE' });
    await store.saveRegistrations([registrationOf(1)]);
  });

  it('lies where there can be no directory', async () => {
    const file = join(await temporaryDirectory(), 'file');
    await writeFile(file, '');
    await expect(openStore(file)).rejects.toMatchObject({
      code: 'ERR_STORE_UNUSABLE',
      disposition: 'action-required',
    });
  });

  it('was written by a newer version, and stays as it is', async () => {
    const directory = await temporaryDirectory();
    await (await openStore(directory)).close();
    await damage(directory, 'format', '2');
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_NEWER' });
    // It was not left locked.
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_NEWER' });
  });
});

/** Files of this process may have so many bytes at most: a disk that is full, for those who write. */
function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:unlimited`]);
}

const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

describe.skipIf(!canLimitFiles)('a disk that is full', () => {
  /** A store, what is wrong with it, and the disk full behind it. */
  async function fullDisk(directory: string) {
    const time = createManualTime();
    const troubles: (string | undefined)[] = [];
    const trouble = (source: string, sentence: string | undefined): void => {
      expect(source).toBe('store');
      troubles.push(sentence);
    };
    const store = await openStore(directory, { runtime: time.runtime, trouble });
    onTestFinished(() => store.close());
    await store.saveRegistrations([registrationOf(1)]);
    onTestFinished(() => limitFiles('unlimited'));
    limitFiles(0);
    await expect(store.saveRegistrations([registrationOf(2)])).rejects.toMatchObject({ code: 'ERR_STORE_WRITE' });
    return { store, time, troubles };
  }

  it('is told of while it lasts, and tried again without being asked', async () => {
    const { time, troubles } = await fullDisk(await temporaryDirectory());
    expect(troubles).toEqual([expect.stringMatching(/^Nothing can be written to .*: make room, or check the disk\.$/)]);
    await expect.poll(() => time.sleepers()).toEqual([15_000]);
    time.pass(15_000);
    await expect.poll(() => time.sleepers()).toEqual([15_000]);
    expect(troubles.at(-1)).toBeDefined();
    limitFiles('unlimited');
    time.pass(15_000);
    await expect.poll(() => troubles.at(-1)).toBeUndefined();
    expect(time.sleepers()).toEqual([]);
  });

  it('leaves nothing behind of a registration that it did not take', async () => {
    const directory = await temporaryDirectory();
    const { store } = await fullDisk(directory);
    const change = registrationOf(1, { description: 'changed' });
    await expect(store.saveRegistrations([change])).rejects.toThrow();
    limitFiles('unlimited');
    await store.saveRegistrations([registrationOf(3)]);
    expect(await reopened(directory, store, (again) => again.registrations())).toEqual([
      registrationOf(1),
      registrationOf(3),
    ]);
  });

  it('takes nothing, and when there is room again everything that follows is kept', async () => {
    const directory = await temporaryDirectory();
    const store = await open(directory);
    const description = 'x'.repeat(3000);
    onTestFinished(() => limitFiles('unlimited'));
    await store.saveRegistrations([registrationOf(1, { description })]);
    limitFiles(20_000);
    let index = 1;
    let failure: unknown;
    while (failure === undefined && index < 20) {
      index += 1;
      failure = await store.saveRegistrations([registrationOf(index, { description })]).catch((error) => error);
    }
    expect(failure).toMatchObject({ code: 'ERR_STORE_WRITE', disposition: 'action-required' });
    const outcome = deliveredOutcome('x', 5);
    limitFiles(0);
    const record = () => store.record({ channel: channelOf(1), outcome, registration: undefined });
    await expect(record()).rejects.toMatchObject({ code: 'ERR_STORE_WRITE' });
    // The app has it, whatever the disk says.
    expect(store.wasDelivered(channelOf(1), 'x')).toBe(true);
    expect(() => store.wasDelivered(channelOf(1), 'y')).toThrow(expect.objectContaining({ code: 'ERR_STORE_WRITE' }));
    limitFiles('unlimited');
    // Asking is enough to make it work again.
    await expect.poll(() => store.wasDelivered(channelOf(1), 'y')).toBe(false);
    await record();
    await store.saveRegistrations([registrationOf(30), registrationOf(31)]);
    await reopened(directory, store, async (again) => {
      const kept = (await again.registrations()).map(({ channel }) => Number(/\d+$/.exec(channel)?.[0]));
      expect(kept.sort((a, b) => a - b)).toEqual([...Array.from({ length: index - 1 }, (_, one) => one + 1), 30, 31]);
      expect(again.wasDelivered(channelOf(1), 'x')).toBe(true);
    });
  });
});
