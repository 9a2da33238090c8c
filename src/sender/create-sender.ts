import PQueue from 'p-queue';
import { formatMessageId, isAddress, isFingerprint } from '../notify-spec/index.js';
import { createRuntime, type Runtime } from '../runtime.js';
import { orAborted, throwIfAborted } from './abort.js';
import { createChannelOrder } from './channel-order.js';
import { composePush } from './compose-push.js';
import { readDeliveryOptions, readPushId } from './delivery-options.js';
import { PushError, withEndpoint } from './errors.js';
import { createHandshakes, type NextHandshake } from './handshake.js';
import type { PushMessage, PushOptions, PushReceipt, PushResult, PushTarget } from './push.js';
import { readPayload } from './read-payload.js';
import { endpointOf, readTarget } from './read-target.js';
import { createRecipients } from './recipients.js';
import { retry } from './retry.js';
import { sendEach } from './send-each.js';
import { readSenderKey } from './sender-key.js';
import type { SenderOptions } from './sender-options.js';
import { readSmtpSettings } from './smtp-settings.js';
import { createSmtpTransport } from './smtp-transport.js';
import { verifySmtp } from './verify-smtp.js';

const maxConnections = 100;
const maxRetries = 10;
const maxRetryDelayMs = 3_600_000;
const maxWaiting = 10_000;
const randomIdBytes = 12;

/** Sends pushes by mail. */
export interface Sender {
  /**
   * Sends one push; resolves when the SMTP server has taken it. Pushes to one channel go out one at a time in call order.
   * Rejects with a {@link PushError}.
   */
  readonly send: (target: PushTarget, payload: Uint8Array | string, options?: PushOptions) => Promise<PushReceipt>;
  /**
   * Sends many pushes and gives one result for each, in their order: that one fails is not a failure of all. Reads the
   * iterable only as fast as it sends.
   */
  readonly sendEach: (messages: Iterable<PushMessage> | AsyncIterable<PushMessage>) => Promise<readonly PushResult[]>;
  /**
   * Tells whether pushes could be sent now: connects, says EHLO, logs in if there is a login, and says goodbye. Sends no
   * mail. Rejects with a {@link PushError}: `ERR_SMTP_…`, `ERR_ABORTED` or `ERR_SENDER_CLOSED`. Takes no longer than the
   * timeouts of {@link SenderOptions.smtp}, or until `signal` is aborted.
   */
  readonly verify: (options?: { readonly signal?: AbortSignal }) => Promise<void>;
  /** Takes no more pushes, waits for those it took unless they were aborted, and closes the connections. */
  readonly close: () => Promise<void>;
}

/**
 * Makes a sender. Nothing is connected until the first push; the connections are kept and hold the process until
 * {@link Sender.close}, or until they were idle for the `socketTimeout`.
 *
 * A push is tried again after a lost connection or a 4xx answer, with the same push id, so that it is delivered once
 * even if two mails arrive. Whatever has to outlast this process is up to the caller or its mail server's queue.
 *
 * Throws a {@link PushError} `ERR_OPTION_INVALID`. A key that cannot be used shows at the first push.
 */
export function createSender(options: SenderOptions): Sender {
  const { from, runtime = createRuntime() } = options;
  if (typeof from !== 'string' || !isAddress(from)) throw invalid('Give from as one plain mail address.');
  const connections = readConnections(options.connections);
  const retryDelaysMs = readRetryDelays(options.retryDelaysMs);
  const smtp = readSmtpSettings(options.smtp);
  const transport = createSmtpTransport(smtp, connections);
  const senderKey = readSenderKey(options.key, from);
  senderKey.catch(() => {}); // told to those who send

  const inOrder = createChannelOrder();
  const queue = new PQueue({ concurrency: connections });
  const findChannelKey = createRecipients();
  const nextFingerprint = readNextFingerprint(options.next);
  const findHandshake = senderKey.then(({ key }) => createHandshakes(options.handshakes, key.fingerprint, runtime.log));
  findHandshake.catch(() => {}); // told to those who send
  const wanted = new Set<Promise<unknown>>();
  let waiting = 0;
  let closing: Promise<void> | undefined;

  // Everything up to the place in the queue happens in the call itself, so that the order of calls is that of mails.
  function begin(target: PushTarget, payload: Uint8Array | string, push: PushOptions): Promise<PushReceipt> {
    const { signal } = push;
    throwIfAborted(signal);
    if (closing !== undefined) throw closed();
    const { endpoint } = readTarget(target);
    const delivery = readDeliveryOptions(push);
    const body = readPayload(payload, target, push);
    if (waiting >= maxWaiting) {
      const sentence = 'Too many pushes are waiting; wait for earlier ones before sending more.';
      throw new PushError('ERR_SENDER_BUSY', sentence, { disposition: 'transient' });
    }
    const now = runtime.now();
    const id = readPushId(push) ?? randomId(runtime);
    const messageId = formatMessageId(runtime.randomBytes(randomIdBytes), from);
    let handshake: NextHandshake | undefined;
    const compose = async (): Promise<Uint8Array> => {
      handshake = await (await findHandshake)(endpoint.channel, now);
      return await composePush({
        from,
        endpoint,
        channelKey: await findChannelKey(endpoint),
        senderKey: await senderKey,
        id,
        messageId,
        now,
        options: delivery,
        payload: body,
        handshake: handshake.isDue,
        nextFingerprint,
      });
    };
    let mail: Uint8Array | undefined; // made once, when it is its turn
    const attempt = async (): Promise<string> =>
      queue.add(async () => {
        throwIfAborted(signal);
        mail ??= await compose();
        return transport.deliver({ from, to: endpoint.address, raw: mail });
      });
    const job = async (): Promise<PushReceipt> => {
      const smtpResponse = await retry(attempt, { delaysMs: retryDelaysMs, runtime, signal });
      await handshake?.sent();
      return { id, messageId, smtpResponse };
    };
    // A push that was given up keeps its turn until the server has answered, but nobody waits for it.
    const sending = inOrder(endpoint.channel, job);
    waiting += 1;
    const ended = (): void => {
      waiting -= 1;
    };
    sending.then(ended, ended);
    return track(orAborted(sending, signal));
  }

  /** What {@link Sender.close} waits for. */
  function track<T>(result: Promise<T>): Promise<T> {
    wanted.add(result);
    const settled = (): void => void wanted.delete(result);
    result.then(settled, settled);
    return result;
  }

  async function send(target: PushTarget, payload: Uint8Array | string, push: PushOptions = {}): Promise<PushReceipt> {
    try {
      return await begin(target, payload, push);
    } catch (error) {
      if (error instanceof PushError) throw withEndpoint(error, endpointOf(target));
      throw error;
    }
  }

  async function verify({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    throwIfAborted(signal);
    if (closing !== undefined) throw closed();
    await track(orAborted(verifySmtp(smtp, signal), signal));
  }

  async function finish(): Promise<void> {
    await Promise.allSettled(wanted);
    transport.close();
  }

  return {
    send,
    sendEach: (messages) =>
      sendEach(messages, ({ target, payload, ...push }) => send(target, payload, push), connections * 4),
    verify,
    close: () => {
      closing ??= finish();
      return closing;
    },
  };
}

function randomId(runtime: Runtime): string {
  return Buffer.from(runtime.randomBytes(randomIdBytes)).toString('base64url');
}

function readNextFingerprint(next: string | undefined): string | undefined {
  if (next === undefined) return undefined;
  const fingerprint = typeof next === 'string' ? next.replace(/ /g, '').toLowerCase() : '';
  if (!isFingerprint(fingerprint)) throw invalid('Give next as the fingerprint of a key, 40 hexadecimal digits.');
  return fingerprint;
}

function readConnections(connections = 5): number {
  if (!Number.isInteger(connections) || connections < 1 || connections > maxConnections) {
    throw invalid(`Give connections as a whole number from 1 to ${maxConnections}.`);
  }
  return connections;
}

function readRetryDelays(delays: readonly number[] = [1000, 5000]): readonly number[] {
  const valid = Array.isArray(delays) && delays.every((ms) => Number.isFinite(ms) && ms >= 0 && ms <= maxRetryDelayMs);
  if (!valid || delays.length > maxRetries) {
    throw invalid(`Give retryDelaysMs as at most ${maxRetries} numbers of milliseconds, each up to an hour.`);
  }
  return [...delays];
}

function closed(): PushError {
  return new PushError('ERR_SENDER_CLOSED', 'The sender is closed; make a new one.');
}

function invalid(message: string): PushError {
  return new PushError('ERR_OPTION_INVALID', message);
}
