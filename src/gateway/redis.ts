import { createClient, ErrorReply } from '@redis/client';
import type { Runtime } from '../runtime.js';
import { GatewayError } from './gateway-error.js';
import type { ServerHealth } from './parts.js';
import { GatewaySetupError } from './setup-error.js';

/** The commands in a row of `MULTI` that the limiters use. */
interface RedisPipeline {
  readonly get: (key: string) => RedisPipeline;
  readonly pTTL: (key: string) => RedisPipeline;
  readonly exec: (asPipeline?: boolean) => Promise<unknown>;
}

/**
 * A connection to Redis that never keeps anybody waiting: without it, and once it has not answered in time until it does
 * again, each command rejects at once with a GatewayError `ERR_GATEWAY_UNAVAILABLE`. It connects again for ever.
 */
export interface Redis {
  readonly isReady: boolean;
  /** How it is, for `/health`. */
  readonly now: () => ServerHealth;
  readonly eval: (script: string, options: { keys: string[]; arguments: string[] }) => Promise<unknown>;
  readonly multi: () => RedisPipeline;
  /** Sets a key to a number for so many seconds, unless it holds that one or a larger one. */
  readonly raise: (key: string, value: number, seconds: number) => Promise<void>;
  /** What the keys hold; null where there is nothing. */
  readonly get: (keys: readonly string[]) => Promise<readonly (string | null)[]>;
  /** Calls back each time that there is a connection again. */
  readonly onReady: (listener: () => void) => void;
  /** Resolves once Redis answers for the first time, or `ms` have passed. */
  readonly settled: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

const raising = `
local known = redis.call('GET', KEYS[1])
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end`;

/** Options of {@link createRedis}. */
export interface RedisOptions {
  /** `redis://`, `rediss://` or `unix://`. */
  readonly url: string;
  /** In place of one in the URL. */
  readonly password?: string | undefined;
  /** How long a command may take. */
  readonly timeoutMs: number;
  readonly runtime: Pick<Runtime, 'now' | 'log'>;
}

const connectTimeoutMs = 5000;
/** A line without a sign of life is given up after the second, because a ping goes over it after the first. */
const pingMs = 4000;
const silenceMs = 10_000;
/** Waits between connections: from a quarter of a second, twice as long each time, to at most five. */
const firstRetryMs = 250;
const maxRetryMs = 5000;
const maxWaiting = 10_000;

/**
 * Connects in the background. Throws a GatewaySetupError `ERR_CONFIG_KEY`, whose message does not hold the URL, because there may be
 * a password in it.
 */
export function createRedis({ url, password, timeoutMs, runtime }: RedisOptions): Redis {
  const { log } = runtime;
  const seconds = (): number => Math.floor(runtime.now() / 1000);
  const client = createClient({
    ...serverOf(url),
    ...(password === undefined ? {} : { password }),
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxWaiting,
    pingInterval: pingMs,
    maintNotifications: 'disabled',
    // A command ends with its answer or with the connection; how long it is waited for is up to run().
    commandOptions: { timeout: 0 },
  });
  const listeners: (() => void)[] = [];
  /** A command was not answered in time, and none has been since. */
  let isStuck = false;
  /** Redis answers, and refuses to write: it is full, a copy that is only read, or still loading. */
  let isClosed = false;
  let known: ServerHealth = { state: 'unknown', since: seconds() };
  let tellSettled = (): void => {};
  const answered = new Promise<void>((resolve) => {
    tellSettled = resolve;
  });

  function become(state: 'ok' | 'failing', error?: unknown): void {
    if (state === 'ok') tellSettled();
    if (known.state === state) return;
    known = { state, since: seconds() };
    if (state === 'ok') log.info({ event: 'gateway.redis.ok' }, 'Limits and revocations are shared through Redis.');
    else {
      const sentence =
        'Redis does not answer: this process counts for itself and knows of no revocation of others until it does; look after Redis.';
      log.warn({ event: 'gateway.redis.failing', cause: reasonOf(error) }, sentence);
    }
  }

  client.on('error', (error) => become('failing', error));
  client.on('ready', () => {
    isStuck = false;
    isClosed = false;
    become('ok');
    for (const listener of listeners) listener();
  });

  const isReady = (): boolean => client.isReady && !isStuck;

  function answeredWell(writes: boolean): void {
    isStuck = false;
    if (writes) isClosed = false;
    if (client.isReady && !isClosed) become('ok');
  }

  function refused(writes: boolean, error: unknown): void {
    if (!(error instanceof ErrorReply)) return; // the connection broke, which is told apart
    isStuck = false;
    if (writes) isClosed = true;
    become('failing', error);
  }

  async function run<T>(command: () => Promise<T>, writes: boolean): Promise<T> {
    if (!isReady()) throw unavailable();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isStuck = true;
        const error = unavailable();
        become('failing', error);
        reject(error);
      }, timeoutMs);
    });
    const answer = command();
    answer.then(
      () => answeredWell(writes),
      (error: unknown) => refused(writes, error),
    );
    try {
      return await Promise.race([answer, late]);
    } catch (cause) {
      throw cause instanceof GatewayError ? cause : unavailable(cause);
    } finally {
      clearTimeout(timer);
    }
  }

  client.connect().catch(() => {}); // ends when it is closed; errors are told above

  return {
    get isReady() {
      return isReady();
    },
    now: () => known,
    eval: (script, options) => run(() => client.eval(script, options), true),
    multi: () => {
      const commands = client.multi();
      const pipeline: RedisPipeline = {
        get: (key) => {
          commands.get(key);
          return pipeline;
        },
        pTTL: (key) => {
          commands.pTTL(key);
          return pipeline;
        },
        exec: (asPipeline) => run(() => commands.exec(asPipeline), false),
      };
      return pipeline;
    },
    raise: async (key, value, seconds) => {
      await run(() => client.eval(raising, { keys: [key], arguments: [String(value), String(seconds)] }), true);
    },
    get: (keys) => run(() => client.mGet([...keys]), false),
    onReady: (listener) => void listeners.push(listener),
    settled: async (ms) => {
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      });
      await Promise.race([answered, enough]);
      clearTimeout(timer);
    },
    close: async () => {
      client.removeAllListeners('error');
      client.on('error', () => {});
      client.destroy();
    },
  };
}

function unavailable(cause?: unknown): GatewayError {
  return new GatewayError('ERR_GATEWAY_UNAVAILABLE', 'This cannot be noted now; try again later.', {
    retryAfterSeconds: 30,
    cause,
  });
}

/** What may be logged of an error: its code or the first word of the server's answer. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return code;
  return typeof message === 'string' ? (/^[A-Z]+/.exec(message)?.[0] ?? 'unknown') : 'unknown';
}

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

function serverOf(text: string): Pick<ClientOptions, 'socket' | 'username' | 'password' | 'database'> {
  const common = {
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    reconnectStrategy: (retries: number) => Math.min(firstRetryMs * 2 ** Math.min(retries, 10), maxRetryMs),
  };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'unix:' && url.host === '' && url.pathname.length > 1 && url.search === '') {
    return { socket: { ...common, path: decodeURIComponent(url.pathname), tls: false } };
  }
  const database = /^\/?(\d{0,3})$/.exec(url?.pathname ?? '')?.[1];
  const isTls = url?.protocol === 'rediss:';
  if (url === undefined || !(isTls || url.protocol === 'redis:') || url.hostname === '' || database === undefined) {
    const sentence =
      'gateway.redis is none: write it like redis://localhost, rediss://redis.example.org/0 or unix:///run/redis.sock.';
    throw new GatewaySetupError('ERR_CONFIG_KEY', sentence);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const address = { ...common, host, ...(url.port === '' ? {} : { port: Number(url.port) }) };
  return {
    socket: isTls ? { ...address, tls: true } : address,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { database: Number(database) }),
  };
}
