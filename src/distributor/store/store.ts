import { limits } from '../../notify-spec/index.js';
import { createRuntime, type Runtime } from '../../runtime.js';
import type { Outcome, TopicMark } from '../delivery/index.js';
import type { Health } from '../health.js';
import { createDatabase, type Operation } from './database.js';
import { damagedError, type StoreError } from './errors.js';
import { decodeGateways, encodeGateways, type GatewayRecord } from './gateway-records.js';
import { deleteOldTopics } from './old-topics.js';
import { openLevel } from './open-level.js';
import {
  decodeOpenMessage,
  decodeProgress,
  decodeRegistration,
  decodeTopic,
  encodeRegistration,
  encodeTopic,
  format,
  formatKey,
  type OpenMessage,
  type ProgressRecord,
  type Registration,
} from './records.js';

/** How far a folder has been looked through, and what is still open in it, by UID. */
export interface FolderRecord extends ProgressRecord {
  readonly open: readonly OpenMessage[];
}

/** What one look at a folder brought. */
export interface LookRecord {
  readonly progress: ProgressRecord;
  readonly opened: readonly OpenMessage[];
  /** UIDs that are not open any more. */
  readonly closed: readonly number[];
}

/** How one push ended. */
export interface PushRecord {
  readonly channel: string;
  readonly outcome: Outcome;
  /** From now on the latest of its topic, if it has one. */
  readonly mark?: TopicMark | undefined;
  /** The channel's registration, if this push has changed it (by its pin). */
  readonly registration: Registration | undefined;
}

/**
 * What has to outlive the process. Every write is on disk when its promise resolves (fsync), and is there wholly or not at
 * all. Writes reject with `ERR_STORE_WRITE`, reads with `ERR_STORE_DAMAGED`.
 */
export interface Store {
  registrations(): Promise<Registration[]>;
  /** Writes all of them or none. What was rejected is not there later on either. */
  saveRegistrations(registrations: readonly Registration[]): Promise<void>;
  /** Forgets a registration, its key, its delivered ids and its topics for good. */
  deleteRegistration(channel: string): Promise<void>;
  /** What has to be remembered of gateways, of one that is not used any more too. */
  gateways(): Promise<readonly GatewayRecord[]>;
  saveGateways(gateways: readonly GatewayRecord[]): Promise<void>;
  folder(name: string): Promise<FolderRecord | undefined>;
  /** Every folder that was ever looked at, by its name. */
  folders(): Promise<Map<string, FolderRecord>>;
  /** Writes down what a look brought; its cost is that of what is new. */
  saveLook(name: string, look: LookRecord): Promise<void>;
  /** Forgets an open message. Without fsync: at worst the message is looked at once more. */
  closeMessage(name: string, uid: number): Promise<void>;
  /**
   * Whether `record` was called with this id, answered at once. True also while it is still on its way to the disk, and
   * when it did not get there. Throws `ERR_STORE_WRITE` while the disk is full or broken.
   */
  wasDelivered(channel: string, id: string): boolean;
  /** The latest push of a topic that was recorded, answered at once; otherwise as `wasDelivered`. */
  lastOfTopic(channel: string, topic: string): TopicMark | undefined;
  /** Writes down how a push ended: its id if it was delivered, and with it its topic and the pin that it may have set. */
  record(push: PushRecord): Promise<void>;
  /** Forgets the ids and topics that need not be remembered any more at `now`, in ms since 1970. */
  deleteExpired(now: number): Promise<void>;
  /** Rejects with `ERR_STORE_DAMAGED` when something cannot be read any more: only opening it anew helps. Never resolves. */
  readonly broken: Promise<never>;
  /** Writes what it was given and closes. */
  close(): Promise<void>;
}

/** No push older than that can still be live, by clocks that differ by ten minutes. */
const topicMs = limits.maxTtlSeconds * 1000 + 10 * 60_000;

const gatewayKey = 'gateway';
const registrationKey = (channel: string): string => `registration/${channel}`;
const folderPrefix = 'folder/';
const folderKey = (name: string): string => `${folderPrefix}${encodeURIComponent(name)}`;
const openPrefix = (name: string): string => `open/${encodeURIComponent(name)}/`;
const openKey = (name: string, uid: number): string => `${openPrefix(name)}${uid}`;
const deliveredPrefix = (channel: string): string => `delivered/${channel}/`;
const deliveredKey = (channel: string, id: string): string => `${deliveredPrefix(channel)}${id}`;
const topicPrefix = (channel: string): string => `topic/${channel}/`;
const topicKey = (channel: string, topic: string): string => `${topicPrefix(channel)}${topic}`;

const putRegistration = (registration: Registration): Operation => ({
  type: 'put',
  key: registrationKey(registration.channel),
  value: encodeRegistration(registration),
});
const del = (key: string): Operation => ({ type: 'del', key });

/** What a {@link Store} is opened with. */
export interface StoreOptions {
  /** Default: the real one, and no log. */
  readonly runtime?: Runtime;
  /** Told what is wrong with the store, see `Health`. Default: nobody is. */
  readonly trouble?: Health['trouble'];
}

const damagedSentence =
  'The state was damaged, and what could be read of it is used on: start the apps that get no pushes any more, so that they register anew, then remove ';

/**
 * Opens the store in `directory`, which is made (mode 0700) if it is not there. Only one process can have it open. One that is
 * damaged is replaced by what can be read of it; the log and the trouble `store:damaged` say so, and where the rest lies.
 *
 * Rejects with {@link StoreError} `ERR_STORE_IN_USE`, `ERR_STORE_UNUSABLE`, `ERR_STORE_NEWER` or `ERR_STORE_DAMAGED`.
 */
export async function openStore(directory: string, options: StoreOptions = {}): Promise<Store> {
  const { runtime = createRuntime(), trouble = () => {} } = options;
  const level = await openLevel(directory, runtime.now());
  const { rescue, damaged } = level;
  if (rescue !== undefined) {
    runtime.log.error(
      { event: 'store.damaged', folder: rescue.movedTo, kept: rescue.kept, lost: rescue.lost },
      'The state was damaged: what could be read of it is used on, and the rest was moved aside.',
    );
  }
  if (damaged[0] !== undefined) trouble('store:damaged', `${damagedSentence}${damaged[0]}.`);
  let isBroken = (_: StoreError): void => {};
  const broken = new Promise<never>((_, reject) => {
    isBroken = reject;
  });
  broken.catch(() => {});
  const database = createDatabase(level, {
    directory,
    sleep: runtime.sleep,
    trouble: (sentence) => trouble('store', sentence),
    damaged: isBroken,
  });
  /** Keys of ids that are delivered and not on disk. */
  const onTheWay = new Set<string>();
  /** The same for topics. */
  const topicsOnTheWay = new Map<string, TopicMark>();

  function decoded<T>(decode: () => T): T {
    try {
      return decode();
    } catch (cause) {
      throw damagedError(directory, cause);
    }
  }

  async function folder(name: string): Promise<FolderRecord | undefined> {
    const progress = await database.get(folderKey(name));
    if (progress === undefined) return undefined;
    const entries = await database.entries(openPrefix(name));
    return decoded(() => {
      const open = entries.map(([key, channel]) => decodeOpenMessage(key.slice(openPrefix(name).length), channel));
      return { ...decodeProgress(progress), open: open.sort((a, b) => a.uid - b.uid) };
    });
  }

  try {
    if ((await database.get(formatKey)) === undefined) {
      await database.write([{ type: 'put', key: formatKey, value: format }]);
    }
  } catch (error) {
    await database.close();
    throw error;
  }

  return {
    registrations: async () => {
      const entries = await database.entries('registration/');
      return decoded(() => entries.map(([, value]) => decodeRegistration(value)));
    },
    saveRegistrations: async (registrations) => await database.write(registrations.map(putRegistration), 'revoked'),
    deleteRegistration: async (channel) => {
      await database.write([del(registrationKey(channel))]);
      for (const prefix of [deliveredPrefix(channel), topicPrefix(channel)]) {
        for await (const page of database.pages(prefix)) await database.write(page.map(([key]) => del(key)));
      }
    },
    gateways: async () => {
      const value = await database.get(gatewayKey);
      return value === undefined ? [] : decoded(() => decodeGateways(value));
    },
    saveGateways: async (gateways) =>
      await database.write([{ type: 'put', key: gatewayKey, value: encodeGateways(gateways) }]),
    folder,
    folders: async () => {
      const entries = await database.entries(folderPrefix);
      const names = decoded(() => entries.map(([key]) => decodeURIComponent(key.slice(folderPrefix.length))));
      const records = new Map<string, FolderRecord>();
      for (const name of names) {
        const record = await folder(name);
        if (record !== undefined) records.set(name, record);
      }
      return records;
    },
    saveLook: async (name, { progress, opened, closed }) =>
      await database.write([
        ...closed.map((uid) => del(openKey(name, uid))),
        ...opened.map(({ uid, channel }): Operation => ({ type: 'put', key: openKey(name, uid), value: channel })),
        { type: 'put', key: folderKey(name), value: progress },
      ]),
    closeMessage: async (name, uid) => await database.write([del(openKey(name, uid))], 'note'),
    wasDelivered: (channel, id) => {
      const key = deliveredKey(channel, id);
      return onTheWay.has(key) || database.peek(key) !== undefined;
    },
    lastOfTopic: (channel, topic) => {
      const key = topicKey(channel, topic);
      return topicsOnTheWay.get(key) ?? decodeTopic(topic, database.peek(key));
    },
    record: async ({ channel, outcome, mark, registration }) => {
      const operations = registration === undefined ? [] : [putRegistration(registration)];
      const topic = mark && { key: topicKey(channel, mark.topic), mark };
      if (topic !== undefined) {
        topicsOnTheWay.set(topic.key, topic.mark);
        operations.push({ type: 'put', key: topic.key, value: encodeTopic(topic.mark) });
      }
      const id = outcome.kind === 'delivered' ? deliveredKey(channel, outcome.id) : undefined;
      if (id !== undefined && outcome.kind === 'delivered') {
        onTheWay.add(id);
        operations.push({ type: 'put', key: id, value: outcome.rememberUntil });
      }
      if (operations.length > 0) await database.write(operations);
      if (id !== undefined) onTheWay.delete(id);
      if (topic !== undefined && topicsOnTheWay.get(topic.key) === topic.mark) topicsOnTheWay.delete(topic.key);
    },
    deleteExpired: async (now) => {
      for await (const page of database.pages('delivered/')) {
        const expired = page.filter(([, until]) => !(Number(until) > now));
        if (expired.length > 0) await database.write(expired.map(([key]) => del(key)));
      }
      await deleteOldTopics(database, (now - topicMs) / 1000);
    },
    broken,
    close: async () => await database.close(),
  };
}
