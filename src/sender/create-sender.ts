import PQueue from 'p-queue';
import { formatMessageId, isAddress } from '../notify-spec/index.js';
import { createRuntime, type Runtime } from '../runtime.js';
import { orAborted, throwIfAborted } from './abort.js';
import { createChannelOrder } from './channel-order.js';
import { composePush } from './compose-push.js';
import { deliverPush } from './deliver-push.js';
import { readDeliveryOptions, readPushId } from './delivery-options.js';
import { createDomainGate } from './domain-gate.js';
import { invalid, PushError, withEndpoint } from './errors.js';
import { createHandshakes, type NextHandshake } from './handshake.js';
import { beginLifetime } from './lifetime.js';
import type { PushMessage, PushOptions, PushReceipt, PushResult, PushTarget } from './push.js';
import { readPayload } from './read-payload.js';
import {
  readConnections,
  readDeadline,
  readNextFingerprint,
  readPacing,
  readRetryPolicy,
} from './read-sender-options.js';
import { endpointOf, readTarget } from './read-target.js';
import { createRecipients } from './recipients.js';
import { sendEach } from './send-each.js';
import { readSenderKey } from './sender-key.js';
import type { SenderOptions } from './sender-options.js';
import { createServerPause } from './server-pause.js';
import { readSmtpSettings } from './smtp-settings.js';
import { createSmtpTransport } from './smtp-transport.js';
import { verifySmtp } from './verify-smtp.js';

const maxWaiting = 10_000;
/** Of them those to one domain: one that is slow leaves half of the places to the others. */
const maxWaitingOfDomain = maxWaiting / 2;
/** So many that those which are tried again after a pause do not keep the others from being read. */
const pushesEachPerConnection = 40;
const randomIdBytes = 12;
/** A push is worth delivering for a minute even if its TTL is shorter (Email-Notify 1, section 10). */
const shortestTtlSeconds = 60;

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
  /**
   * Takes no more pushes, waits for those it took unless they were aborted, until their deadlines at most, and closes the
   * connections.
   */
  readonly close: () => Promise<void>;
}

/**
 * Makes a sender. Nothing is connected until the first push; the connections are kept and hold the process until
 * {@link Sender.close}, or until they were idle for the `socketTimeout`.
 *
 * A push is tried again after a lost connection or a 4xx answer until its deadline, with the same bytes and so the same push
 * id: it is delivered once even if two mails arrive. Whatever has to outlast this process is up to the caller or its mail
 * server's queue.
 *
 * ```js
 * const sender = createSender({ smtp: 'smtp://localhost', from: 'push@app.example', key, deadlineMs: 60_000 });
 * try {
 *   await sender.send(endpoint, 'Hello', { id: job.id, ttl: 3600 });
 * } catch (error) {
 *   if (error.code === 'ERR_ENDPOINT_GONE') await forget(endpoint);
 *   else if (error.disposition === 'transient') await jobs.again(job); // with the same id
 *   else throw error;
 * }
 * ```
 *
 * Throws a {@link PushError} `ERR_OPTION_INVALID`. A key that cannot be used shows at the first push.
 */
export function createSender(options: SenderOptions): Sender {
  const { from, runtime = createRuntime() } = options;
  if (typeof from !== 'string' || !isAddress(from)) throw invalid('Give from as one plain mail address.');
  const connections = readConnections(options.connections);
  const deadlineMs = readDeadline(options.deadlineMs);
  const policy = readRetryPolicy(options.retry);
  const pacing = readPacing(options.pacing, connections);
  const nextFingerprint = readNextFingerprint(options.next);
  const smtp = readSmtpSettings(options.smtp);
  const senderKey = readSenderKey(options.key, from);
  senderKey.catch(() => {}); // told to those who send

  const transport = createSmtpTransport(smtp, connections);
  const queue = new PQueue({ concurrency: connections });
  const server = createServerPause(queue, connections, runtime);
  const delivery = { gate: createDomainGate(pacing, runtime), queue, server, transport, policy, runtime };
  const inOrder = createChannelOrder();
  const findChannelKey = createRecipients();
  const findHandshake = senderKey.then(({ key }) => createHandshakes(options.handshakes, key.fingerprint, runtime.log));
  findHandshake.catch(() => {}); // told to those who send
  const wanted = new Set<Promise<unknown>>();
  let waiting = 0;
  const waitingOf = new Map<string, number>();
  let closing: Promise<void> | undefined;

  // Everything up to the place in the queue happens in the call itself, so that the order of calls is that of mails.
  function begin(target: PushTarget, payload: Uint8Array | string, push: PushOptions): Promise<PushReceipt> {
    throwIfAborted(push.signal);
    if (closing !== undefined) throw closed();
    const { endpoint } = readTarget(target);
    const { address: to, channel } = endpoint;
    const given = readDeliveryOptions(push);
    const body = readPayload(payload, target, push);
    const id = readPushId(push) ?? randomId(runtime);
    const mostMs = push.deadlineMs === undefined ? deadlineMs : readDeadline(push.deadlineMs);
    const domain = domainOf(to);
    const ofDomain = waitingOf.get(domain) ?? 0;
    if (waiting >= maxWaiting || ofDomain >= maxWaitingOfDomain) {
      const sentence = 'Too many pushes are waiting; wait for earlier ones before sending more.';
      throw new PushError('ERR_SENDER_BUSY', sentence, { disposition: 'transient' });
    }
    const now = runtime.now();
    const messageId = formatMessageId(runtime.randomBytes(randomIdBytes), from);
    let handshake: NextHandshake | undefined;
    const compose = async (): Promise<Uint8Array> => {
      handshake = await (await findHandshake)(channel, now);
      return await composePush({
        from,
        endpoint,
        channelKey: await findChannelKey(endpoint),
        senderKey: await senderKey,
        id,
        messageId,
        now,
        options: given,
        payload: body,
        handshake: handshake.isDue,
        nextFingerprint,
      });
    };
    const lifetime = beginLifetime({ deadlineMs: mostMs, signal: push.signal, standstill: server.reason, runtime });
    const expiresAtMs = now + Math.max(given.ttlSeconds, shortestTtlSeconds) * 1000;
    let receipt: PushReceipt | undefined;
    const job = async (): Promise<PushReceipt> => {
      throwIfAborted(lifetime.signal);
      const smtpResponse = await deliverPush({ from, to, domain, lifetime, expiresAtMs, compose }, delivery);
      receipt = { id, messageId, smtpResponse };
      // The next push to this channel asks the memory again; one that hangs keeps it no longer than the deadline.
      if (handshake !== undefined) await orAborted(handshake.sent(), lifetime.signal);
      return receipt;
    };
    const told = async (sending: Promise<PushReceipt>): Promise<PushReceipt> => {
      try {
        return await orAborted(sending, lifetime.signal);
      } catch (error) {
        if (receipt !== undefined) return receipt;
        throw error;
      } finally {
        lifetime.end();
      }
    };
    // A push that is given up on its way keeps its turn until the server has answered, but nobody waits for it.
    const sending = inOrder(channel, job, lifetime.signal);
    waiting += 1;
    waitingOf.set(domain, ofDomain + 1);
    const ended = (): void => {
      waiting -= 1;
      const left = (waitingOf.get(domain) ?? 1) - 1;
      if (left === 0) waitingOf.delete(domain);
      else waitingOf.set(domain, left);
    };
    sending.then(ended, ended);
    return track(told(sending));
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
    server.close();
    transport.close();
  }

  return {
    send,
    sendEach: (messages) =>
      sendEach(
        messages,
        ({ target, payload, ...push }) => send(target, payload, push),
        connections * pushesEachPerConnection,
      ),
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

/** What is paced. */
function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

function closed(): PushError {
  return new PushError('ERR_SENDER_CLOSED', 'The sender is closed; make a new one.');
}
