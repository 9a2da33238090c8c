import { formatEndpoint } from '../notify-spec/index.js';
import { PushError } from '../sender/index.js';
import { GatewayError } from './gateway-error.js';
import type { GatewayParts, SealedEndpoint } from './parts.js';
import { explainPushFailure } from './push-failure.js';
import type { Delivery } from './push-header.js';

/** A push whose sender may push. */
export interface Push extends Delivery {
  readonly payload: Uint8Array;
  readonly coding?: string | undefined;
  /** Default: a random one. */
  readonly id?: string | undefined;
}

/**
 * Opens a seal and checks that it may still be pushed to. Rejects with `ERR_GATEWAY_SEAL_UNKNOWN`,
 * `ERR_GATEWAY_SEAL_EXPIRED` or `ERR_GATEWAY_GONE`.
 */
export async function openSeal(parts: GatewayParts, sealed: string): Promise<SealedEndpoint> {
  const { sealer, revocations, runtime } = parts;
  const seal = sealer.openEndpoint(sealed);
  if (seal === undefined) {
    throw new GatewayError('ERR_GATEWAY_SEAL_UNKNOWN', 'This gateway has not made this endpoint; forget it.');
  }
  if (seal.expires * 1000 <= runtime.now()) {
    throw new GatewayError('ERR_GATEWAY_SEAL_EXPIRED', 'This endpoint has expired; forget it.');
  }
  if (await revocations.isRevoked(seal)) {
    throw new GatewayError('ERR_GATEWAY_GONE', 'This endpoint was revoked; forget it.');
  }
  return seal;
}

/**
 * Sends a push, once it is within the limit of its endpoint; resolves to its push id when the SMTP server has taken it. Nothing
 * that becomes of the request while this goes on calls it back. Rejects with `ERR_GATEWAY_TOO_MANY`, `ERR_GATEWAY_GONE` or
 * `ERR_GATEWAY_UNAVAILABLE`.
 */
export async function sendPush(parts: GatewayParts, seal: SealedEndpoint, push: Push): Promise<string> {
  const { sender, limits, runtime } = parts;
  const refusal = await limits.push(seal.endpoint);
  if (refusal !== undefined) {
    const sentence = 'Too many pushes to this endpoint; send again after the time in Retry-After.';
    throw new GatewayError('ERR_GATEWAY_TOO_MANY', sentence, refusal);
  }
  const { payload, ttlSeconds, urgency, topic, coding, id } = push;
  try {
    const receipt = await sender.send(formatEndpoint(seal.endpoint), payload, {
      ttl: ttlSeconds,
      urgency,
      ...(topic !== undefined && { topic }),
      ...(coding !== undefined && { contentCoding: coding }),
      ...(id !== undefined && { id }),
    });
    return receipt.id;
  } catch (error) {
    const told = explainPushFailure(error);
    if (told?.code === 'ERR_GATEWAY_GONE') await revoke(parts, seal);
    if (error instanceof PushError && error.disposition === 'action-required') {
      runtime.log.warn({ code: error.code }, 'A push could not be sent until somebody has changed something.');
    }
    throw told ?? error;
  }
}

async function revoke({ revocations, metrics, runtime }: GatewayParts, seal: SealedEndpoint): Promise<void> {
  try {
    // Only this seal: should the mailbox come back, its distributor has the endpoint sealed anew, which is then good.
    await revocations.revokeSeal(seal.id, seal.expires);
    metrics.revoked();
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : undefined;
    runtime.log.warn(
      { code },
      'An endpoint whose mailbox is gone could not be revoked; the next push to it tells again.',
    );
  }
}
