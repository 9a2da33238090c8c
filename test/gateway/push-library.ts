import { createECDH } from 'node:crypto';
import webPush from 'web-push';
import { type HttpAnswer, testAgent } from './https-request.js';

/** What an app server knows of a subscription. */
export interface WebPushSubscription {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

/** The key pair of an app server, base64url (RFC 8292 §3.2). */
export interface VapidKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** One push. */
export interface Push {
  readonly payload: Uint8Array | string;
  /** Default `aes128gcm`. */
  readonly coding?: 'aes128gcm' | 'aesgcm';
  /** Seconds; default four weeks. */
  readonly ttl?: number;
  readonly urgency?: 'very-low' | 'low' | 'normal' | 'high';
  readonly topic?: string;
  /** Signs the push. */
  readonly vapid?: VapidKeys;
}

/** A Web Push library as an app server uses it. */
export interface PushLibrary {
  readonly name: string;
  /** Sends a push; every answer is resolved to, whatever its status. */
  send(subscription: WebPushSubscription, push: Push): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** Whom push services write to when something is wrong (RFC 8292 §2.1). */
export const vapidSubject = 'mailto:push@app.example';
const fourWeeks = 2_419_200;

/** A key pair of its own for an app server. */
export function createVapidKeys(): VapidKeys {
  return webPush.generateVAPIDKeys();
}

/** The options of npm's web-push. */
export function webPushOptions(push: Push): webPush.RequestOptions {
  const { coding = 'aes128gcm', ttl = fourWeeks, urgency, topic, vapid } = push;
  return {
    contentEncoding: coding as webPush.ContentEncoding,
    TTL: ttl,
    agent: testAgent,
    ...(urgency !== undefined && { urgency }),
    ...(topic !== undefined && { topic }),
    ...(vapid !== undefined && { vapidDetails: { subject: vapidSubject, ...vapid } }),
  };
}

const asBuffer = (payload: Uint8Array | string): Buffer => Buffer.from(payload as Uint8Array);

/** web-push of npm, as it is published. */
export function startWebPush(): PushLibrary {
  return {
    name: 'web-push',
    send: async (subscription, push) => {
      try {
        const { statusCode, headers, body } = await webPush.sendNotification(
          subscription,
          asBuffer(push.payload),
          webPushOptions(push),
        );
        return { status: statusCode, headers: headers as Record<string, string>, body };
      } catch (error) {
        if (!(error instanceof webPush.WebPushError)) throw error;
        return { status: error.statusCode, headers: error.headers as Record<string, string>, body: error.body };
      }
    },
    close: async () => {},
  };
}

/** The request that web-push would make, to be sent more than once, or with other headers. */
export function webPushRequest(
  subscription: WebPushSubscription,
  push: Push,
): { readonly method: string; readonly headers: Record<string, string | number>; readonly body: Buffer } {
  const { headers, body } = webPush.generateRequestDetails(subscription, asBuffer(push.payload), webPushOptions(push));
  return { method: 'POST', headers: { ...(headers as Record<string, string>) }, body };
}

/** The key pair that an app makes for a subscription (RFC 8291 §3.1). */
export function createAppKeys(): { readonly privateKey: ReturnType<typeof createECDH>; readonly p256dh: string } {
  const privateKey = createECDH('prime256v1');
  return { p256dh: privateKey.generateKeys().toString('base64url'), privateKey };
}
