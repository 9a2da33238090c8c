import type PQueue from 'p-queue';
import type { Runtime } from '../runtime.js';
import { orAborted, throwIfAborted } from './abort.js';
import type { DomainGate } from './domain-gate.js';
import { PushError } from './errors.js';
import type { Lifetime } from './lifetime.js';
import { expired, planRetry, type RetryPolicy } from './retry-plan.js';
import type { ServerPause } from './server-pause.js';
import { isThrottle } from './smtp-failure.js';
import type { SmtpTransport } from './smtp-transport.js';

/** What pushes are delivered with. */
export interface DeliveryParts {
  readonly gate: DomainGate;
  /** A place in it is a connection. */
  readonly queue: PQueue;
  readonly server: ServerPause;
  readonly transport: SmtpTransport;
  readonly policy: RetryPolicy;
  readonly runtime: Runtime;
}

/** One push, from its turn on its channel to its end. */
export interface PushDelivery {
  readonly from: string;
  readonly to: string;
  /** That of the recipient, in lower case. */
  readonly domain: string;
  readonly lifetime: Lifetime;
  /** When it is worth nothing any more, in milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Makes the mail; called once, when there is a connection for it. */
  readonly compose: () => Promise<Uint8Array>;
}

/**
 * Hands the mail of a push over, as often as it takes and there is time for, each time with the same bytes. A connection is
 * held only while the server is being talked to. Resolves with the server's answer, rejects with a {@link PushError}.
 */
export async function deliverPush(push: PushDelivery, parts: DeliveryParts): Promise<string> {
  const { gate, queue, server, transport, policy, runtime } = parts;
  const { from, to, domain, lifetime, expiresAtMs, compose } = push;
  const { signal } = lifetime;
  let mail: Uint8Array | undefined;

  const attempt = async (): Promise<string> => {
    // A push that was given up while the server was away says nothing of how the server is now.
    throwIfAborted(signal);
    if (runtime.now() >= expiresAtMs) throw expired(lifetime.lastFailure());
    // What hangs in it must not keep the connection.
    mail ??= await orAborted(compose(), signal);
    const end = server.begin();
    try {
      lifetime.begin();
      const smtpResponse = await transport.deliver({ from, to, raw: mail });
      end();
      return smtpResponse;
    } catch (error) {
      end(error);
      throw error;
    }
  };

  for (let tries = 1; ; tries += 1) {
    const shut = server.reason();
    // It would be so for each of them, until somebody has changed something.
    if (shut?.disposition === 'action-required') throw shut;
    if (gate.pauseLeftMs(domain) >= lifetime.leftMs()) throw paused();
    const admission = await gate.enter(domain, signal);
    let error: unknown;
    try {
      const smtpResponse = await queue.add(attempt);
      admission.taken();
      return smtpResponse;
    } catch (caught) {
      error = caught;
      lifetime.fail(error);
      if (isThrottle(error)) admission.throttled();
      else admission.failed();
    }
    const [random = 0] = runtime.randomBytes(1);
    const ttlLeftMs = expiresAtMs - runtime.now();
    const decision = planRetry(
      { error, tries, deadlineLeftMs: lifetime.leftMs(), ttlLeftMs, random: random / 255 },
      policy,
    );
    if (decision.kind === 'end') throw decision.error;
    if (gate.pauseLeftMs(domain) >= lifetime.leftMs()) throw error;
    const { afterMs } = decision;
    runtime.log.debug(
      { code: lifetime.lastFailure()?.code, afterMs },
      'A push did not get through and is tried again after a pause.',
    );
    await pause(afterMs, signal, runtime);
  }
}

async function pause(ms: number, signal: AbortSignal, runtime: Runtime): Promise<void> {
  throwIfAborted(signal);
  try {
    await runtime.sleep(ms, signal);
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}

function paused(): PushError {
  const sentence = 'The mail servers of this domain want less mail for now; send the push again later.';
  return new PushError('ERR_SMTP_BUSY', sentence, { disposition: 'transient' });
}
