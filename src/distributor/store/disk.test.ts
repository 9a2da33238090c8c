import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { registrationWith } from '../../../test/tools/registration.js';
import { describeWithSmallDisk, smallDisk } from '../../../test/tools/small-disk.js';
import type { Registration } from './records.js';
import { openStore } from './store.js';

function registrationOf(index: number): Registration {
  return registrationWith({
    channel: String(index).padStart(27, 'c'),
    token: `token-${index}`,
    key: new Uint8Array(400),
  });
}

/** Fills what is left of a disk. */
async function fill(path: string): Promise<void> {
  for (let bytes = 1 << 20; bytes >= 1024; bytes /= 2) {
    await writeFile(join(path, 'others'), Buffer.alloc(bytes), { flag: 'a' }).catch(() => {});
  }
}

describeWithSmallDisk('a disk', () => {
  it('that is full when the store is opened is named, and nothing is lost on it', async () => {
    const { path } = await smallDisk(1024);
    const store = await openStore(path);
    await store.saveRegistrations([registrationOf(1)]);
    await store.close();
    await fill(path);
    const unusable = { code: 'ERR_STORE_UNUSABLE', message: expect.stringContaining('not full') };
    await expect(openStore(path)).rejects.toMatchObject(unusable);
    await expect(openStore(join(path, 'new'))).rejects.toMatchObject(unusable);
    await rm(join(path, 'others'));
    const again = await openStore(path);
    onTestFinished(() => again.close());
    expect(await again.registrations()).toEqual([registrationOf(1)]);
  });

  it('that becomes full takes nothing more until there is room, and keeps what it took', async () => {
    const { path } = await smallDisk(1024);
    const store = await openStore(path);
    await store.saveRegistrations([registrationOf(1)]);
    await fill(path);
    let index = 1;
    for (let isTaken = true; isTaken; ) {
      index += 1;
      isTaken = await store.saveRegistrations([registrationOf(index)]).then(
        () => true,
        () => false,
      );
    }
    await expect(store.saveRegistrations([registrationOf(99)])).rejects.toMatchObject({ code: 'ERR_STORE_WRITE' });
    await rm(join(path, 'others'));
    await store.saveRegistrations([registrationOf(index + 1)]);
    await store.close();
    const again = await openStore(path);
    onTestFinished(() => again.close());
    const kept = [...Array.from({ length: index - 1 }, (_, one) => one + 1), index + 1];
    expect((await again.registrations()).map(({ token }) => token).sort()).toEqual(
      kept.map((one) => `token-${one}`).sort(),
    );
  });

  it('that cannot be written to is named, and is used when it can', async () => {
    const { path, readOnly } = await smallDisk(1024);
    await (await openStore(join(path, 'one'))).close();
    readOnly(true);
    const unusable = { code: 'ERR_STORE_UNUSABLE', message: expect.stringContaining('writable') };
    await expect(openStore(join(path, 'one'))).rejects.toMatchObject(unusable);
    await expect(openStore(join(path, 'two'))).rejects.toMatchObject(unusable);
    readOnly(false);
    await (await openStore(join(path, 'one'))).close();
  });

  it('without room for a rescue leaves a damaged store as it is', async () => {
    const { path } = await smallDisk(1024);
    const store = await openStore(path);
    await store.saveRegistrations([registrationOf(1)]);
    await store.close();
    await rm(join(path, 'store/CURRENT'));
    await fill(path);
    await expect(openStore(path)).rejects.toMatchObject({ code: 'ERR_STORE_UNUSABLE' });
    await rm(join(path, 'others'));
    const again = await openStore(path);
    onTestFinished(() => again.close());
    expect(await again.registrations()).toEqual([registrationOf(1)]);
  });
});
