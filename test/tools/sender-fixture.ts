import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, expect } from 'vitest';
import { formatAutocrypt, generateKey, open, type PrivateKey } from '../../src/crypto/index.js';
import { formatChannel, formatEndpoint, readInner, readMail } from '../../src/notify-spec/index.js';
import { createRuntime, type Runtime } from '../../src/runtime.js';
import { createSender, PushError, type Sender, type SenderOptions } from '../../src/sender/index.js';
import { startTestSmtp, type TestSmtpBehaviour, type TestSmtpServer } from './test-smtp-server.js';

/** The time at which everything happens. */
export const now: number = Date.UTC(2025, 0, 15, 13, 37);
/** For how long a push is tried where nothing else is said. */
export const deadlineMs = 300_000;
/** The address of the app server. */
export const from = 'push@app.example';
/** The address of the user. */
export const address = 'alice@example.org';
/** 4096 bytes with each value sixteen times. */
export const everyByte: Uint8Array = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);

/** A registration: the key that opens its pushes, and its endpoint. */
export interface TestChannel {
  readonly key: PrivateKey;
  readonly endpoint: string;
}

/** Makes a registration of `owner`. */
export async function createChannel(owner: string = address): Promise<TestChannel> {
  const key = await generateKey({ address: owner, now });
  const autocrypt = formatAutocrypt({ address: owner, keydata: key.publicKey.keydata });
  return { key, endpoint: formatEndpoint({ address: owner, channel: formatChannel(randomBytes(20)), autocrypt }) };
}

/** A runtime whose pauses take no time; it notes them, and its clocks too. What is as long as a deadline never comes. */
export function fastRuntime(): Runtime & { pauses: number[] } {
  const pauses: number[] = [];
  const runtime = createRuntime();
  let passedMs = 0;
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms >= deadlineMs) return await runtime.sleep(1_000_000_000, signal);
    pauses.push(ms);
    passedMs += ms;
  };
  const monotonicMs = (): number => passedMs;
  return { ...runtime, now: () => now + passedMs, monotonicMs, sleep, pauses };
}

/** The PushError that `promise` rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<PushError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PushError);
  return error as PushError;
}

/** Something that can be waited for and let go from outside. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let release = (): void => {};
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { opened, open: release };
}

/** An app server and a registration of Alice, and what closes by itself after each test. */
export interface SenderFixture {
  readonly senderKey: PrivateKey;
  readonly alice: TestChannel;
  readonly startSmtp: (behaviour?: TestSmtpBehaviour) => Promise<TestSmtpServer>;
  /** A sender by plain SMTP, unless `options` say more. */
  readonly senderTo: (smtp: TestSmtpServer, options?: Partial<SenderOptions>) => Sender;
  /** The inner entity of a push to Alice, with a valid signature of the app server at the time `at`, by default {@link now}. */
  readonly read: (raw: Uint8Array | undefined, at?: number) => Promise<ReturnType<typeof readInner>>;
}

/** Makes the keys once for a test file, and closes servers and senders after each test. */
export function useSenderFixture(): () => SenderFixture {
  let fixture: SenderFixture | undefined;
  const closeAtEnd: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const senderKey = await generateKey({ address: from, now });
    const alice = await createChannel();
    fixture = {
      senderKey,
      alice,
      startSmtp: async (behaviour) => {
        const smtp = await startTestSmtp(behaviour);
        closeAtEnd.push(smtp.close);
        return smtp;
      },
      senderTo: (smtp, options) => {
        const url = `smtp://127.0.0.1:${smtp.port}`;
        const sender = createSender({ smtp: url, from, key: senderKey, runtime: fastRuntime(), ...options });
        closeAtEnd.push(sender.close);
        return sender;
      },
      read: async (raw = new Uint8Array(), at = now) => {
        const { armored } = await readMail(raw);
        const { data, signature } = await open(armored, { key: alice.key, signers: [senderKey.publicKey], now: at });
        expect(signature.state).toBe('valid');
        return readInner(data);
      },
    };
  });

  afterEach(async () => {
    for (const close of closeAtEnd.splice(0).reverse()) await close();
  });

  return () => {
    if (fixture === undefined) throw new Error('The fixture is there in tests only.');
    return fixture;
  };
}
