import { createECDH, createPrivateKey, type ECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { expect, onTestFinished } from 'vitest';
import { formatAutocrypt, generateKey, open, type PrivateKey } from '../../src/crypto/index.js';
import { createServer, type ServerOptions } from '../../src/gateway/create-server.js';
import { createLimits, type LimitRates } from '../../src/gateway/limits.js';
import { createMetrics } from '../../src/gateway/metrics.js';
import type { GatewayParts } from '../../src/gateway/parts.js';
import { createRevocationMemory, createRevocations } from '../../src/gateway/revocations.js';
import { createSealer } from '../../src/gateway/sealer.js';
import {
  formatChannel,
  type MailEndpoint,
  type parsePushHeader,
  readInner,
  readMail,
} from '../../src/notify-spec/index.js';
import { createRuntime, type Runtime, silentLog } from '../../src/runtime.js';
import { createSender } from '../../src/sender/index.js';
import { startTestSmtp, type TestSmtpBehaviour, type TestSmtpServer } from './test-smtp-server.js';

/** The time at which everything happens, unless a test sets the clock. */
export const noon: number = Date.UTC(2026, 0, 1, 12);
/** The address of the gateway's mails. */
export const from = 'push@app.example';

/** What a gateway answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body read as JSON; undefined if there is none. */
  readonly body: unknown;
}

/** A request. The body goes with its length. */
export interface Asked {
  readonly method?: string;
  readonly path: string;
  /** As they are sent: a name may come twice. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | string;
}

/** A push as the device gets it. */
export interface ReceivedPush {
  readonly header: ReturnType<typeof parsePushHeader>;
  readonly payload: Buffer;
}

/** A registration behind a gateway. */
export interface TestEndpoint {
  readonly mail: MailEndpoint;
  readonly key: PrivateKey;
  /** What the app server was given. */
  readonly url: string;
  readonly path: string;
  /** What is in a mail to it, which has to be signed by the gateway. */
  readonly read: (raw: Uint8Array | undefined) => Promise<ReceivedPush>;
}

/** A gateway that listens, with an SMTP server behind it. */
export interface TestGateway {
  readonly parts: GatewayParts;
  readonly port: number;
  readonly smtp: TestSmtpServer;
  /** All that was logged at info and above. */
  readonly logged: readonly string[];
  readonly setClock: (ms: number) => void;
  /** Makes a registration and seals its endpoint. */
  readonly register: (options?: { address?: string; vapid?: string }) => Promise<TestEndpoint>;
  readonly ask: (asked: Asked) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** How to set a gateway up. */
export interface TestGatewayOptions {
  readonly publicUrl?: string;
  readonly smtp?: TestSmtpBehaviour;
  /** Another SMTP server than its own, such as one that is down. */
  readonly smtpUrl?: string;
  readonly rates?: Partial<LimitRates>;
  readonly server?: ServerOptions;
  readonly now?: number;
}

/** Starts a gateway out of its real parts; it ends after the test. What fails is not tried again. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { publicUrl = 'https://push.example.org' } = options;
  let clock = options.now ?? noon;
  const logged: string[] = [];
  const note = (facts: object, message: string): void => void logged.push(`${message} ${JSON.stringify(facts)}`);
  const runtime: Runtime = {
    ...createRuntime({ ...silentLog, info: note, warn: note, error: note }),
    now: () => clock,
  };
  const smtp = await startTestSmtp(options.smtp);
  const key = await generateKey({ address: from, now: clock });
  const sender = createSender({
    smtp: options.smtpUrl ?? `smtp://127.0.0.1:${smtp.port}`,
    from,
    key,
    retry: { most: 0 },
    runtime,
  });
  const parts: GatewayParts = {
    sealer: createSealer({ secrets: [randomBytes(32)], sender: key.fingerprint, publicUrl, runtime }),
    sender,
    grantSender: sender,
    limits: createLimits({ secret: randomBytes(32), rates: options.rates, runtime }),
    revocations: createRevocations(createRevocationMemory(runtime)),
    metrics: createMetrics({ version: '1', smtp: () => ({ state: 'unknown', since: 0 }), redis: () => undefined }),
    health: { check: () => Promise.reject(new Error('not asked for here')) },
    publicUrl,
    fingerprint: key.fingerprint,
    runtime,
  };
  const server = createServer(parts, options.server);
  await server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.server.closeAllConnections();
    await server.close();
    await smtp.close();
    await sender.close();
  };
  onTestFinished(close);

  async function register({ address = 'alice@example.org', vapid }: { address?: string; vapid?: string } = {}) {
    const channelKey = await generateKey({ address, now: clock });
    const autocrypt = formatAutocrypt({ address, keydata: channelKey.publicKey.keydata });
    const mail = { address, channel: formatChannel(randomBytes(20)), autocrypt };
    const { url } = await parts.sealer.sealEndpoint(mail, vapid);
    const read = async (raw: Uint8Array = new Uint8Array()): Promise<ReceivedPush> => {
      const { armored } = await readMail(raw);
      const { data, signature } = await open(armored, { key: channelKey, signers: [key.publicKey], now: clock });
      expect(signature.state).toBe('valid');
      const { push, payload } = readInner(data);
      return { header: push, payload: Buffer.from(payload) };
    };
    return { mail, key: channelKey, url, path: url.slice(publicUrl.length), read };
  }

  return {
    parts,
    port,
    smtp,
    logged,
    setClock: (ms) => {
      clock = ms;
    },
    register,
    ask: (asked) => ask(port, asked),
    close,
  };
}

/** Sends one request over a connection of its own. */
export async function ask(port: number, { method = 'GET', path, headers = [], body }: Asked): Promise<Answer> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const length = bytes === undefined ? [] : [['Content-Length', String(bytes.length)] as const];
  const all = [['Host', 'push.example.org'] as const, ...headers, ...length];
  // Node takes pairs as well, so that a name can come twice; its types do not say so.
  const request = httpRequest({ port, host: '127.0.0.1', method, path, agent: false, headers: all.flat() as never });
  request.end(bytes);
  const [response] = await once(request, 'response');
  const text = (await buffer(response)).toString();
  return {
    status: response.statusCode,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** An app server's VAPID key, and what it signs with it. */
export interface VapidSigner {
  /** 87 characters. */
  readonly key: string;
  readonly pair: ECDH;
  /** A token; each claim and header field can be set, or left out with undefined. */
  readonly token: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
}

/** Makes a VAPID key for a gateway at `aud`, with tokens good for twelve hours from `now` on. */
export function createVapidSigner(aud = 'https://push.example.org', now: number = noon): VapidSigner {
  const pair = createECDH('prime256v1');
  const key = pair.generateKeys();
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: key.subarray(1, 33).toString('base64url'),
    y: key.subarray(33).toString('base64url'),
    d: pair.getPrivateKey('base64url'),
  };
  const privateKey = createPrivateKey({ format: 'jwk', key: jwk });
  return {
    key: key.toString('base64url'),
    pair,
    token: (claims = {}, header = {}) =>
      new SignJWT({ aud, exp: now / 1000 + 12 * 3600, sub: 'mailto:ops@app.example', ...claims } as never)
        .setProtectedHeader({ typ: 'JWT', alg: 'ES256', ...header } as never)
        .sign(privateKey),
  };
}
