import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect } from 'vitest';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { createAppKeys, type WebPushSubscription } from './push-library.js';

interface Decryptor {
  decrypt(body: Buffer, options: object): Buffer;
}

const ece = createRequire(import.meta.url)('http_ece') as Decryptor;

/** An app that speaks UnifiedPush to the distributor and Web Push to its app server. */
export interface WebPushApp {
  readonly bus: BusApp;
  readonly token: string;
  readonly keys: WebPushSubscription['keys'];
  /** The endpoints that it was told so far, the latest at the end. */
  endpoints(): readonly string[];
  /** What the app server gets, as soon as there is an endpoint; with `after`, one that is another than that. */
  subscription(after?: string): Promise<WebPushSubscription>;
  /** What it has got, decrypted, in the order in which it came. */
  texts(): readonly string[];
  /** Waits until these are what it has got. */
  gets(...texts: readonly string[]): Promise<void>;
  /** Registers, or registers again; rejects when the distributor refuses. */
  register(): Promise<void>;
  unregister(): Promise<void>;
  close(): Promise<void>;
}

/** How to start a {@link WebPushApp}. */
export interface WebPushAppOptions {
  readonly protocol?: 1 | 2;
  readonly service: string;
  /** Default: the service. */
  readonly token?: string;
  /** Public key of the app server, 87 characters; version 1 has no place for it. */
  readonly vapid?: string | undefined;
  /** Whether it registers at its start, as apps do. Default true. */
  readonly registers?: boolean;
}

/** Until a grant was mailed and the endpoint sealed. */
const patience = { timeout: 20_000 };

/** Starts an app on the bus. */
export async function startWebPushApp(busAddress: string, options: WebPushAppOptions): Promise<WebPushApp> {
  const { protocol = 2, service, token = service, vapid, registers = true } = options;
  const bus = await startBusApp(busAddress, { protocol, service });
  const { privateKey, p256dh } = createAppKeys();
  const authSecret = randomBytes(16);
  const keys = { p256dh, auth: authSecret.toString('base64url') };

  function decrypt(payload: Uint8Array): string {
    const body = Buffer.from(payload);
    // How other UnifiedPush servers hand on the draft: its two headers in front of the body.
    const [front, salt, dh] = /^aesgcm\nEncryption: .*?\bsalt=([\w-]+).*\nCrypto-Key: .*?\bdh=([\w-]+).*\n/.exec(
      body.toString('latin1'),
    ) ?? [''];
    const more = front === '' ? { version: 'aes128gcm' } : { version: 'aesgcm', salt, dh };
    return ece.decrypt(body.subarray(front.length), { privateKey, authSecret, ...more }).toString();
  }

  const app: WebPushApp = {
    bus,
    token,
    keys,
    endpoints: () => bus.endpoints(token),
    subscription: async (after) => {
      await expect.poll(() => bus.endpoints(token).at(-1) ?? after, patience).not.toBe(after);
      return { endpoint: String(bus.endpoints(token).at(-1)), keys };
    },
    texts: () => bus.payloads(token).map(decrypt),
    gets: async (...texts) => {
      await expect.poll(() => app.texts(), patience).toEqual(texts);
    },
    register: async () => {
      const fields = { service, token, ...(vapid !== undefined && { vapid }) };
      const [result, reason] =
        protocol === 1 ? await bus.register1(service, token) : Object.values(await bus.register2(fields));
      if (result !== 'REGISTRATION_SUCCEEDED') throw new Error(`Not registered: ${result} ${reason}`);
    },
    unregister: () => bus.unregister(token),
    close: () => bus.close(),
  };
  if (registers) await app.register();
  return app;
}
