import type { Log } from '../runtime.js';
import { createFolderProgress, type FolderProgress } from './folder-progress.js';
import type { FolderRecord, Store } from './store/index.js';

/** How far each folder has been looked through. */
export interface Folders {
  /** The progress of a folder, by the name that the mail server gives it. */
  of(folder: string): FolderProgress;
}

/** Keeps the progress of each folder; `known` is what the store has of them. */
export function createFolders(
  store: Pick<Store, 'saveLook' | 'closeMessage'>,
  log: Log,
  known: ReadonlyMap<string, FolderRecord>,
): Folders {
  const folders = new Map<string, FolderProgress>();
  return {
    of: (folder) => {
      const progress = folders.get(folder) ?? createFolderProgress(store, log, folder, known.get(folder));
      folders.set(folder, progress);
      return progress;
    },
  };
}
