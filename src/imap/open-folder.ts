import type { ImapFlow } from 'imapflow';
import { isSelected } from './client.js';
import type { Ask, Command, CommandQueue } from './command-queue.js';
import { readOnlyError, renumberedError } from './errors.js';
import { type FolderState, isSameNumbering } from './look-plan.js';
import { type SelectedFolder, selectFolder } from './select-folder.js';

/** What is to be done in a folder: for `look` EXAMINE is enough, `change` needs SELECT. */
export type Access = 'look' | 'change';

/** One folder of a connection. A connection has one open at a time: another is opened when a command needs it. */
export interface OpenFolder extends FolderState {
  /** As the configuration or LIST names it. */
  readonly path: string;
  /** How many messages are in it, as far as it is known. */
  readonly messages: number;
  /**
   * Runs one command in it after those before it. Rejects as {@link CommandQueue.add} says, as {@link selectFolder} does
   * when the folder had to be opened and could not be, with `ERR_IMAP_LOST` from when its messages are not numbered any
   * more as they were, and with `ERR_IMAP_REFUSED` for a change in a folder that is read-only.
   *
   * @param access default `look`.
   */
  run<T>(command: Command<T>, access?: Access): Promise<T>;
  /** Opens it once more, so that what is asked next knows what has come. Rejects as `run` does. */
  reopen(): Promise<void>;
  /** A message with this UID was there: if UIDNEXT is not above it when it is opened again, it is numbered anew. */
  saw(uid: number): void;
}

/** All folders of a connection that were opened on it. */
export interface FolderSwitch {
  /** Opens a folder; `usual`: what it is opened for when a command only looks. */
  open(path: string, usual: Access): Promise<OpenFolder>;
  /** Which one is open now. */
  readonly current: OpenFolder | undefined;
}

/** Makes the switch of a client that is logged in and has no folder open. */
export function createFolderSwitch(client: ImapFlow, commands: CommandQueue): FolderSwitch {
  let current: { readonly folder: OpenFolder; readonly canChange: boolean } | undefined;

  function isOpen(folder: OpenFolder, access: Access): boolean {
    if (current?.folder !== folder || !isSelected(client)) return false;
    // Where nothing could be changed it is asked for anew: rights can be given back.
    return access === 'look' || current.canChange;
  }

  function createFolder(path: string, usual: Access): OpenFolder {
    let known: SelectedFolder | undefined;

    async function openFor(ask: Ask, access: Access): Promise<void> {
      current = undefined;
      const mode = usual === 'change' ? usual : access;
      const opened = await ask('login', (c) => selectFolder(c, path, mode));
      if (known !== undefined && !isSameNumbering(known, opened)) throw renumberedError(path);
      known = opened;
      current = { folder, canChange: mode === 'change' && !opened.isReadOnly };
    }

    const folder: OpenFolder = {
      path,
      get uidValidity() {
        return known?.uidValidity ?? '0';
      },
      get uidNext() {
        return known?.uidNext ?? 1;
      },
      get messages() {
        if (current?.folder === folder && client.mailbox !== false) return client.mailbox.exists;
        return known?.messages ?? 0;
      },
      run: (command, access = 'look') =>
        commands.add(async (ask) => {
          if (!isOpen(folder, access)) await openFor(ask, access);
          if (!isOpen(folder, access)) throw readOnlyError(path);
          return await ask('folder', command);
        }),
      reopen: () => commands.add((ask) => openFor(ask, usual)),
      saw: (uid) => {
        if (known !== undefined && known.uidNext <= uid) known = { ...known, uidNext: uid + 1 };
      },
    };
    return folder;
  }

  return {
    open: async (path, usual) => {
      const folder = createFolder(path, usual);
      await folder.reopen();
      return folder;
    },
    get current() {
      return current?.folder;
    },
  };
}
