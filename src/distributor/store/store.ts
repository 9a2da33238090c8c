import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import PQueue from 'p-queue';
import type { Outcome } from '../delivery/index.js';
import { StoreError } from './errors.js';
import {
  decodeProgress,
  decodeRegistration,
  encodeRegistration,
  type FolderRecord,
  type Registration,
} from './records.js';

/** An id that has been delivered. */
export interface DeliveredId {
  readonly channel: string;
  readonly id: string;
  /** Until when it is worth keeping, in ms since 1970. */
  readonly until: number;
}

/** What one look at a folder brought. */
export interface LookRecord {
  readonly progress: { readonly uidValidity: string; readonly lastUid: number };
  readonly opened: readonly { readonly uid: number; readonly channel: string }[];
  readonly closed: readonly number[];
  /** UIDVALIDITY is another than before: whatever was open under the old one is not any more. */
  readonly renumbered: boolean;
}

/** How one push ended. */
export interface PushRecord {
  readonly channel: string;
  readonly outcome: Outcome;
  /** The channel's registration, if this push has changed it (by its pin). */
  readonly registration: Registration | undefined;
}

/**
 * What has to outlive the process. Every write is on disk when its promise resolves (fsync), and is there wholly or not at
 * all. Writes reject with `ERR_STORE_WRITE`.
 */
export interface Store {
  registrations(): Promise<Registration[]>;
  saveRegistration(registration: Registration): Promise<void>;
  /** Forgets a registration, its key and its delivered ids for good. */
  deleteRegistration(channel: string): Promise<void>;
  folder(name: string): Promise<FolderRecord | undefined>;
  /** Writes down what a look brought; its cost is that of what is new. */
  saveLook(name: string, look: LookRecord): Promise<void>;
  /** Forgets an open message. */
  closeMessage(name: string, uid: number): Promise<void>;
  deliveredIds(): Promise<DeliveredId[]>;
  /** Writes down how a push ended: its id if it was delivered, and with it the pin that it may have set. */
  record(push: PushRecord): Promise<void>;
  deleteDeliveredIds(ids: readonly DeliveredId[]): Promise<void>;
  close(): Promise<void>;
}

const format = 1;
const formatKey = 'format';
const registrationKey = (channel: string): string => `registration/${channel}`;
const folderKey = (name: string): string => `folder/${encodeURIComponent(name)}`;
const openPrefix = (name: string): string => `open/${encodeURIComponent(name)}/`;
const openKey = (name: string, uid: number): string => `${openPrefix(name)}${uid}`;
const deliveredKey = (channel: string, id: string): string => `delivered/${channel}/${id}`;
/** The first key behind all that begin with `prefix`, which ends in a slash. */
const behind = (prefix: string): string => `${prefix.slice(0, -1)}0`;

type Database = ClassicLevel<string, unknown>;
type Operation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string };

interface Coded {
  readonly code?: string;
  readonly cause?: unknown;
  readonly message?: string;
}

function openError(cause: unknown, directory: string): StoreError {
  const inner = ((cause as Coded | undefined)?.cause ?? cause) as Coded | undefined;
  if (inner?.code === 'LEVEL_LOCKED' || /lock|already held/i.test(inner?.message ?? '')) {
    return new StoreError(
      'ERR_STORE_IN_USE',
      `Another mailpush daemon uses ${directory}: end it first, or give this one a --state-dir of its own.`,
      { cause, disposition: 'action-required' },
    );
  }
  return new StoreError(
    'ERR_STORE_UNUSABLE',
    `The state directory ${directory} cannot be used: check that it is yours, writable and not full.`,
    { cause, disposition: 'action-required' },
  );
}

async function openDatabase(directory: string): Promise<Database> {
  const db: Database = new ClassicLevel<string, unknown>(join(directory, 'store'), { valueEncoding: 'json' });
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    await mkdir(join(directory, 'store'), { recursive: true, mode: 0o700 });
    await db.open();
  } catch (cause) {
    throw openError(cause, directory);
  }
  return db;
}

/**
 * Opens the store in `directory`, which is made (mode 0700) if it is not there. Only one process can have it open.
 *
 * Rejects with {@link StoreError} `ERR_STORE_IN_USE`, `ERR_STORE_UNUSABLE` or `ERR_STORE_NEWER`.
 */
export async function openStore(directory: string): Promise<Store> {
  const db = await openDatabase(directory);

  // One after another: a later record of the same thing must never be overtaken by an earlier one.
  const writes = new PQueue({ concurrency: 1 });

  async function write(operations: Operation[]): Promise<void> {
    try {
      await writes.add(() => db.batch(operations, { sync: true }));
    } catch (cause) {
      throw new StoreError('ERR_STORE_WRITE', `Nothing can be written to ${directory}: make room, or check the disk.`, {
        cause,
        disposition: 'action-required',
      });
    }
  }

  const entries = async (prefix: string): Promise<[string, unknown][]> =>
    await db.iterator({ gte: prefix, lt: behind(prefix) }).all();

  try {
    const found = await db.get(formatKey);
    if (found === undefined) await write([{ type: 'put', key: formatKey, value: format }]);
    else if (found !== format) {
      throw new StoreError(
        'ERR_STORE_NEWER',
        `${directory} was written by a newer mailpush: install that version again, or give this one a --state-dir of its own.`,
        { disposition: 'action-required' },
      );
    }
  } catch (error) {
    await db.close();
    throw error;
  }

  return {
    registrations: async () => (await entries('registration/')).map(([, value]) => decodeRegistration(value)),
    saveRegistration: async (registration) =>
      await write([
        { type: 'put', key: registrationKey(registration.channel), value: encodeRegistration(registration) },
      ]),
    deleteRegistration: async (channel) => {
      const ids = await entries(`delivered/${channel}/`);
      const keys = [registrationKey(channel), ...ids.map(([key]) => key)];
      await write(keys.map((key) => ({ type: 'del', key })));
    },
    folder: async (name) => {
      const progress = await db.get(folderKey(name));
      if (progress === undefined) return undefined;
      const open = (await entries(openPrefix(name))).map(([key, channel]) => ({
        uid: Number(key.slice(openPrefix(name).length)),
        channel: String(channel),
      }));
      return { ...decodeProgress(progress), open: open.sort((a, b) => a.uid - b.uid) };
    },
    saveLook: async (name, { progress, opened, closed, renumbered }) => {
      const outdated = renumbered ? (await entries(openPrefix(name))).map(([key]) => key) : [];
      await write([
        ...outdated.map((key): Operation => ({ type: 'del', key })),
        ...closed.map((uid): Operation => ({ type: 'del', key: openKey(name, uid) })),
        ...opened.map(({ uid, channel }): Operation => ({ type: 'put', key: openKey(name, uid), value: channel })),
        { type: 'put', key: folderKey(name), value: progress },
      ]);
    },
    closeMessage: async (name, uid) => await write([{ type: 'del', key: openKey(name, uid) }]),
    deliveredIds: async () =>
      (await entries('delivered/')).map(([key, until]) => {
        const [, channel = '', ...id] = key.split('/');
        return { channel, id: id.join('/'), until: Number(until) };
      }),
    record: async ({ channel, outcome, registration }) => {
      const operations: Operation[] = [];
      if (outcome.kind === 'delivered') {
        operations.push({ type: 'put', key: deliveredKey(channel, outcome.id), value: outcome.rememberUntil });
      }
      if (registration !== undefined) {
        operations.push({ type: 'put', key: registrationKey(channel), value: encodeRegistration(registration) });
      }
      if (operations.length > 0) await write(operations);
    },
    deleteDeliveredIds: async (ids) =>
      await write(ids.map(({ channel, id }) => ({ type: 'del', key: deliveredKey(channel, id) }))),
    close: async () => {
      await writes.onIdle();
      await db.close();
    },
  };
}
