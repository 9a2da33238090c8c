import { expect, onTestFinished } from 'vitest';
import { formatAutocrypt, generateKey, type PrivateKey, seal, serializePrivateKey } from '../../src/crypto/index.js';
import type { Answer } from '../../src/distributor/apps/index.js';
import { createChannels } from '../../src/distributor/channels.js';
import { createFolders } from '../../src/distributor/folders.js';
import type { ArrivedGrant, GrantOutcome } from '../../src/distributor/grants.js';
import { createPostRoom } from '../../src/distributor/post-room.js';
import { openStore, type Registration, type Store, StoreError } from '../../src/distributor/store/index.js';
import { createTally } from '../../src/distributor/tally.js';
import { type Found, ImapError, type MailboxEvent, type MessageRef } from '../../src/imap/index.js';
import { composeInner, composeMail, type InnerMediaType, type Urgency } from '../../src/notify-spec/index.js';
import { createManualTime } from './manual-time.js';
import { registrationWith } from './registration.js';
import { temporaryDirectory } from './temporary-directory.js';

export const now: number = Date.UTC(2026, 0, 1, 12);
const address = 'alice@example.org';
export const minute: number = 60_000;

/** A channel for each letter. */
export const channelOf = (letter: string): string => letter.repeat(27);

const channelKey = await generateKey({ address, now });
export const senders: readonly [PrivateKey, PrivateKey] = await Promise.all([
  generateKey({ address: 'one@app.example', now }),
  generateKey({ address: 'two@app.example', now }),
]);

/** A registration whose channel, token and service are named for a letter. */
export function registrationOf(letter: string, change: Partial<Registration> = {}): Registration {
  return registrationWith({
    channel: channelOf(letter),
    token: letter,
    service: `org.example.${letter}`,
    address,
    registeredAt: now,
    key: serializePrivateKey(channelKey),
    ...change,
  });
}

interface PushParts {
  readonly id: string;
  readonly signer?: PrivateKey;
  readonly withHandshake?: boolean;
  readonly urgency?: Urgency;
  readonly topic?: string;
  readonly secondsAgo?: number;
  readonly mediaType?: InnerMediaType;
}

/** A push mail for a channel. */
export async function pushMail(letter: string, more: PushParts): Promise<Uint8Array> {
  const { id, signer = senders[0], withHandshake = true, urgency = 'normal', topic, secondsAgo = 0 } = more;
  const { mediaType = 'application/octet-stream' } = more;
  const from = signer.address ?? '';
  const parts = { from, to: address, date: new Date(now), messageId: `<${id}@app.example>` };
  const timestamp = now / 1000 - secondsAgo;
  const push = { channel: channelOf(letter), id, timestamp, ttlSeconds: 3600, urgency, ...(topic && { topic }) };
  const data = composeInner({ ...parts, mediaType, push, payload: Buffer.from(id) });
  const armored = await seal(data, { recipient: channelKey.publicKey, signer, now });
  const autocrypt = formatAutocrypt({ address: from, keydata: signer.publicKey.keydata, preferEncrypt: 'mutual' });
  const outer = { ...parts, channel: channelOf(letter), ttlSeconds: 3600, armored };
  return composeMail(withHandshake ? { ...outer, autocrypt } : outer);
}

const lost = new ImapError('ERR_IMAP_LOST', 'Gone.', { disposition: 'transient' });

/** A post room with a mailbox in memory, a real disk that may be full, and apps that answer as the test says. */
export async function createSetting(registrations: readonly Registration[], directory?: string) {
  const store = await openStore(directory ?? (await temporaryDirectory()));
  onTestFinished(() => store.close());
  await store.saveRegistrations(registrations);
  const time = createManualTime();
  const logged: unknown[] = [];
  const log = (facts: Readonly<Record<string, unknown>>): void => void logged.push(facts.event);
  const runtime = { ...time.runtime, log: { debug: log, info: log, warn: log, error: log } };
  const channels = createChannels(await store.registrations());
  const folders = createFolders(store, runtime.log, await store.folders());
  const progress = folders.of('INBOX');

  const mailbox = { uidValidity: '7', mails: new Map<number, Uint8Array>(), isDown: false };
  const fetched: number[] = [];
  const delivered: string[] = [];
  const services: string[] = [];
  const protocols: number[] = [];
  const answers = { next: (_: string): Answer | Promise<Answer> => 'accepted' };
  const granted: ArrivedGrant[] = [];
  const grants = { next: (): GrantOutcome | Promise<GrantOutcome> => 'accepted' };
  const tally = createTally(runtime);
  const disk = { isFull: false };

  const room = createPostRoom({
    mailbox: {
      fetch: async ({ uid, uidValidity }) => {
        if (mailbox.isDown) throw lost;
        const bytes = mailbox.mails.get(uid);
        fetched.push(uid);
        return bytes === undefined || uidValidity !== mailbox.uidValidity ? { kind: 'gone' } : { kind: 'mail', bytes };
      },
      remove: async (messages: readonly MessageRef[]) => {
        if (mailbox.isDown) throw lost;
        for (const { uid, uidValidity } of messages) {
          if (uidValidity === mailbox.uidValidity) mailbox.mails.delete(uid);
        }
        return 'removed';
      },
    },
    folders,
    misfiled: { opened: () => {} },
    health: { trouble: () => {} },
    keepRejected: false,
    channels,
    tally,
    store: {
      wasDelivered: store.wasDelivered,
      lastOfTopic: store.lastOfTopic,
      record: async (push) => {
        if (disk.isFull) throw new StoreError('ERR_STORE_WRITE', 'Full.', { disposition: 'action-required' });
        await store.record(push);
      },
    },
    apps: {
      message: async ({ token, service, protocol }, { id, payload }) => {
        services.push(service);
        protocols.push(protocol);
        delivered.push(`${token} ${id} ${Buffer.from(payload).toString()}`);
        return await answers.next(id);
      },
    },
    grants: {
      take: async (grant) => {
        granted.push(grant);
        return await grants.next();
      },
    },
    runtime,
  });

  let lastUid = 0;
  const looked = (found: readonly Found[], gone: readonly number[] = []): MailboxEvent => ({
    type: 'looked',
    folder: 'INBOX',
    found,
    gone,
    progress: { uidValidity: mailbox.uidValidity, lastUid },
  });

  return {
    store: store as Store,
    time,
    logged,
    channels,
    progress,
    mailbox,
    fetched,
    delivered,
    services,
    protocols,
    answers,
    granted,
    grants,
    tally,
    disk,
    room,
    /** Mails come in and are found. */
    arrive: async (...mails: readonly (readonly [channel: string, bytes: Uint8Array])[]) => {
      const found = mails.map(([name, bytes]) => {
        lastUid += 1;
        mailbox.mails.set(lastUid, bytes);
        return { uid: lastUid, sizeBytes: bytes.length, channel: channelOf(name) };
      });
      await room.take(looked(found));
    },
    look: async (found: readonly Found[], gone: readonly number[] = []) => await room.take(looked(found, gone)),
    uids: () => [...mailbox.mails.keys()],
  };
}

/** What {@link createSetting} gives. */
export type Setting = Awaited<ReturnType<typeof createSetting>>;

/** Resolves when nothing is in the mailbox and nothing is open. */
export async function settled(setting: Setting): Promise<void> {
  await expect.poll(() => [setting.uids(), setting.progress.openUids()]).toEqual([[], []]);
}
