import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder } from '../../private-folder.js';

/** Everything that the store makes in the state directory has this name or begins with it and a dot. */
export const storeName = 'store';

const isOurs = (name: string): boolean => name === storeName || name.startsWith(`${storeName}.`);

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Makes the state directory and the folder `store` in it, for their owner alone. A directory that was there before and holds
 * other things too keeps its permissions; only `store` is ours. Rejects as `mkdir`, `readdir` and `chmod` do.
 */
export async function makeStateFolder(directory: string): Promise<void> {
  const names = await namesIn(directory);
  const store = join(directory, storeName);
  await makePrivateFolder(store);
  if (names.every(isOurs)) await chmod(directory, 0o700);
  await chmod(store, 0o700);
}
