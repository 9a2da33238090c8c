import { CryptoError, type PrivateKey, parsePrivateKey } from '../crypto/index.js';
import { canonicalAddress, NotifyError } from '../notify-spec/index.js';
import { createSender, PushError, type Sender } from '../sender/index.js';
import type { GatewayOptions, GatewayTimes } from './gateway-options.js';
import { createHealth } from './health.js';
import { createLimits } from './limits.js';
import { createMetrics } from './metrics.js';
import type { GatewayParts } from './parts.js';
import { createRedis } from './redis.js';
import { createRedisLimiter } from './redis-limiter.js';
import { createRedisRevocations } from './redis-revocations.js';
import { createRevocationMemory, createRevocations } from './revocations.js';
import { createSealer } from './sealer.js';
import { GatewaySetupError } from './setup-error.js';
import { createSmtpState, type SmtpState } from './smtp-state.js';
import { watchSender } from './watched-sender.js';

/** A gateway without its server. */
export interface Gateway {
  readonly parts: GatewayParts;
  /** Says hello to the SMTP server and Redis; see `runGateway` for what it rejects with. */
  readonly greet: (signal: AbortSignal) => Promise<void>;
  /** Waits for mails that are under way and closes all connections. */
  readonly close: () => Promise<void>;
}

/** Reads and checks what a gateway is made of, and makes it; only Redis is connected to, in the background. */
export async function openGateway(options: GatewayOptions, times: GatewayTimes): Promise<Gateway> {
  const { runtime, version, secrets } = options;
  const publicUrl = readPublicUrl(options.publicUrl);
  const key = await readKey(options.key, options.from);
  const [secret = new Uint8Array()] = secrets;
  const sealer = createSealer({ secrets, sender: key.fingerprint, publicUrl, runtime });
  const smtp = createSmtpState(runtime, (state, error) => tellSmtp(options, state, error));
  const senders = createSenders(options, key, times);
  const redis =
    options.redis === undefined ? undefined : createRedis({ ...options.redis, timeoutMs: times.redisMs, runtime });

  const metrics = createMetrics({ version, smtp: smtp.now, redis: () => redis?.now() });
  const limits = createLimits({
    secret,
    rates: options.rates,
    refused: metrics.limited,
    runtime,
    ...(redis === undefined ? {} : { createLimiter: (name, rate) => createRedisLimiter(redis, name, rate) }),
  });
  const memory = createRevocationMemory(runtime);
  const { verify } = senders.pushes;
  const watch = { smtp, mail: metrics.mail, runtime };
  const parts: GatewayParts = {
    sealer,
    sender: watchSender(senders.pushes, { kind: 'push', ...watch }),
    grantSender: watchSender(senders.grants, { kind: 'grant', ...watch }),
    limits,
    revocations: redis === undefined ? createRevocations(memory) : createRedisRevocations(redis, memory, runtime),
    metrics,
    health: createHealth({ version, smtp, verify, redis: () => redis?.now(), times, runtime }),
    publicUrl,
    fingerprint: key.fingerprint,
    runtime,
  };
  return {
    parts,
    greet: async (signal) => {
      await Promise.all([greetSmtp(verify, smtp, times.smtpAnswerMs, signal), redis?.settled(times.redisMs)]);
    },
    close: async () => {
      await Promise.all([senders.pushes.close(), senders.grants.close()]);
      await redis?.close();
    },
  };
}

/** Grants have connections of their own, so that they neither wait behind pushes nor hold them up. */
function createSenders(
  { smtp, from, connections = 5, runtime }: GatewayOptions,
  key: PrivateKey,
  { pushMs }: GatewayTimes,
): { readonly pushes: Sender; readonly grants: Sender } {
  const common = { smtp, from, key, runtime, deadlineMs: pushMs };
  return {
    // Distributors pin the gateway's key before they hand an endpoint out, so that pushes need not carry it.
    pushes: createSender({ ...common, handshakes: false, connections }),
    // One try: a connection that was lost may have carried the mail, and no request makes two.
    grants: createSender({ ...common, connections: 1, retry: { most: 0 } }),
  };
}

/** Rejects when the server refuses for good; one that cannot be reached is told of and waited for. */
async function greetSmtp(verify: Sender['verify'], smtp: SmtpState, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await verify({ signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]) });
    smtp.good();
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof PushError && error.disposition === 'action-required') throw error;
    smtp.down(error);
  }
}

function tellSmtp({ runtime: { log } }: GatewayOptions, state: string, error: unknown): void {
  if (state === 'ok') {
    log.info({ event: 'gateway.smtp.ok' }, 'The SMTP server takes mail.');
    return;
  }
  const code = error instanceof PushError ? error.code : undefined;
  const sentence = 'The SMTP server takes no mail: every push is answered with 503 until it does; look after it.';
  log.warn({ event: 'gateway.smtp.failing', code }, sentence);
}

function readPublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  const isWeb = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback);
  if (url === undefined || !isWeb || url.href !== `${url.origin}/`) {
    const sentence =
      'gateway.public_url has to be https:// and a host, like https://push.example.org; http:// only to this machine.';
    throw new GatewaySetupError('ERR_CONFIG_KEY', sentence);
  }
  return url.origin;
}

async function readKey(armored: string, from: string): Promise<PrivateKey> {
  try {
    const key = await parsePrivateKey(armored);
    if (canonicalAddress(key.address ?? '') === canonicalAddress(from)) return key;
  } catch (cause) {
    if (cause instanceof NotifyError) throw unusable('is for no address, or from is none', cause);
    if (!(cause instanceof CryptoError)) throw cause;
    const problem = cause.code === 'ERR_KEY_LOCKED' ? 'is locked' : 'cannot be used';
    throw unusable(problem, cause);
  }
  throw unusable('is not for the address in from');
}

function unusable(problem: string, cause?: unknown): GatewaySetupError {
  const sentence = `The key in gateway.key_file ${problem}: make one with mailpush keygen.`;
  return new GatewaySetupError('ERR_CONFIG_KEY', sentence, cause);
}
