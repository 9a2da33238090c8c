import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { GatewayTimes } from '../../src/distributor/gateway-client/index.js';
import { runDistributor } from '../../src/distributor/index.js';
import { runGateway } from '../../src/gateway/index.js';
import type { ImapTimes } from '../../src/imap/index.js';
import { createRuntime, type Log } from '../../src/runtime.js';
import { armorPrivateKey, generateKey } from '../../src/sender/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { askOverHttps } from '../gateway/https-request.js';
import { localCertificate } from '../gateway/tls-front.js';
import { testAuthority } from '../mail-servers/dovecot.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { freePort } from '../tools/free-port.js';
import { createSetting, type Setting } from './setting.js';

/** One gateway, whatever process it runs in. */
export interface GatewayIdentity {
  readonly secret: Uint8Array;
  readonly key: string;
}

/** How the daemon of a stage is started. */
export interface StageDaemonOptions {
  /** The gateway in its configuration; null for none. */
  readonly url: string | null;
  readonly times?: Partial<GatewayTimes>;
  readonly imapTimes?: Partial<ImapTimes>;
  /** Its clock. */
  readonly now?: () => number;
}

/** Something that runs until it is told to end. */
export interface Running {
  stop(): Promise<void>;
}

/** A gateway, a daemon and apps in one process, around a mail server and a bus. */
export interface EndpointStage {
  readonly setting: Setting;
  readonly url: string;
  /** Lines of the daemon's log at info and above, as JSON. */
  readonly logged: readonly string[];
  /** Starts the gateway; without an identity the one it had before. */
  startGateway(identity?: GatewayIdentity): Promise<Running>;
  startDaemon(options?: Partial<StageDaemonOptions>): Promise<Running>;
  startApp(service?: string): Promise<BusApp>;
  /** Registers, and gives the endpoint that comes after `before`. */
  register(app: BusApp, token: string, fields?: Readonly<Record<string, string>>): Promise<void>;
  nextEndpoint(app: BusApp, token: string, before?: string): Promise<string>;
  /** The status that a gateway has for a push to an endpoint, and that the app gets it if it was taken. */
  push(endpoint: string, text: string): Promise<number>;
  stop(): Promise<void>;
}

/** Makes a gateway of its own. */
export async function createIdentity(): Promise<GatewayIdentity> {
  const key = await generateKey({ address: 'push@app.example', now: Date.now() });
  return { secret: new Uint8Array(randomBytes(32)), key: armorPrivateKey(key) };
}

/** What comes within moments in these tests takes longer on a machine that has much to do. */
export const patience = { timeout: 20_000, interval: 50 };

/** Everything is asked for again after moments instead of hours. */
const quick: Partial<GatewayTimes> = {
  repeatGrantMs: 500,
  repeatGrantMaxMs: 1000,
  grantsPerDay: 100,
  retryFirstMs: 100,
  retryMaxMs: 500,
  firstCheckMs: 100,
};
const many = { points: 1000, seconds: 1 };
const rates = { mailboxHour: many, mailboxDay: many, client: many, domain: many, all: many, faults: many };

/** Runs something with a log until `ready` is logged. */
async function running(
  run: (log: Log, signal: AbortSignal) => Promise<void>,
  ready: string,
  heard: (line: string) => void = () => {},
): Promise<Running> {
  const ending = new AbortController();
  let isReady = (): void => {};
  const readiness = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const note = (facts: Readonly<Record<string, unknown>>, message: string): void => {
    heard(JSON.stringify({ ...facts, message }));
    if (facts.event === ready) isReady();
  };
  const ended = run({ debug: () => {}, info: note, warn: note, error: note }, ending.signal);
  await Promise.race([readiness, ended]);
  return {
    stop: async () => {
      ending.abort();
      await ended;
    },
  };
}

/** Sets it up. Neither gateway nor daemon is started. `smtp` takes the gateway's mails instead of the mail server. */
export async function createEndpointStage(
  server: TestMailServer,
  smtp: { readonly host: string; readonly port: number } = server.smtp,
): Promise<EndpointStage> {
  const setting = await createSetting(server);
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const tls = {
    cert: await readFile(localCertificate.cert, 'utf8'),
    key: await readFile(localCertificate.key, 'utf8'),
  };
  const authority = await readFile(testAuthority, 'utf8');
  let identity = await createIdentity();
  const logged: string[] = [];
  const runs: Running[] = [];
  const apps: BusApp[] = [];

  async function track(started: Promise<Running>): Promise<Running> {
    const run = await started;
    runs.push(run);
    return run;
  }

  function gateway(log: Log, signal: AbortSignal): Promise<void> {
    return runGateway(
      {
        listen: { host: '127.0.0.1', port },
        publicUrl: url,
        secrets: [identity.secret],
        smtp: { url: `smtp://${smtp.host}:${smtp.port}` },
        from: 'push@app.example',
        key: identity.key,
        tls,
        version: '0',
        rates,
        runtime: createRuntime(log),
      },
      signal,
    );
  }

  async function daemon(options: StageDaemonOptions, log: Log, signal: AbortSignal): Promise<void> {
    const { host, port: imapPort, user, password, security } = server.imap;
    const times = { ...quick, ...options.times };
    const account = { host, port: imapPort, security, user, folder: 'INBOX' };
    await runDistributor(
      {
        account: {
          ...account,
          credentials: async () => ({ kind: 'password', password }),
          ca: authority,
        },
        address: server.address,
        stateDirectory: join(setting.directory, 'state'),
        policy: 'allow',
        keepRejected: false,
        busAddress: setting.bus.address,
        systemBusAddress: `unix:path=${join(setting.directory, 'no-system-bus')}`,
        times: options.imapTimes ?? {},
        version: '0',
        ...(options.url === null ? {} : { gateway: { url: options.url, times } }),
        runtime: { ...createRuntime(log), ...(options.now === undefined ? {} : { now: options.now }) },
      },
      signal,
    );
  }

  return {
    setting,
    url,
    logged,
    startGateway: (other) => {
      identity = other ?? identity;
      return track(running(gateway, 'gateway.ready'));
    },
    startDaemon: (options = {}) =>
      track(
        running(
          (log, signal) => daemon({ url, ...options }, log, signal),
          'daemon.ready',
          (line) => void logged.push(line),
        ),
      ),
    startApp: async (service = 'org.example.App') => {
      const app = await startBusApp(setting.bus.address, { protocol: 2, service });
      apps.push(app);
      return app;
    },
    register: async (app, token, fields = {}) => {
      const { success } = await app.register2({ service: app.service, token, ...fields });
      expect(success).toBe('REGISTRATION_SUCCEEDED');
    },
    nextEndpoint: async (app, token, before) => {
      await expect.poll(() => app.endpoints(token).at(-1), patience).not.toBeOneOf([undefined, before]);
      return app.endpoints(token).at(-1) ?? '';
    },
    push: async (endpoint, text) => {
      const headers = { TTL: 60, 'Content-Encoding': 'aes128gcm' };
      const { status } = await askOverHttps(endpoint, { method: 'POST', headers, body: text });
      return status;
    },
    stop: async () => {
      await Promise.allSettled(apps.map((app) => app.close()));
      await Promise.allSettled(runs.map((run) => run.stop()));
      await setting.stop();
    },
  };
}
