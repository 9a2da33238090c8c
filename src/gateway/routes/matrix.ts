import type { FastifyInstance } from 'fastify';
import { limits } from '../../notify-spec/index.js';
import { GatewayError, type GatewayErrorCode } from '../gateway-error.js';
import {
  composeNotification,
  type MatrixDevice,
  type MatrixNotification,
  notificationId,
  readNotification,
} from '../matrix.js';
import type { GatewayParts, SealedEndpoint } from '../parts.js';
import { addPath, deepJsonOf } from '../path.js';
import { openSeal, sendPush } from '../push.js';

const maxRequestBytes = 65_536;
/** Only the newest counts matter. */
const countsTopic = 'matrix-counts';

/** Why a homeserver should forget a push key. */
const dead: ReadonlySet<GatewayErrorCode> = new Set([
  'ERR_GATEWAY_SEAL_UNKNOWN',
  'ERR_GATEWAY_SEAL_EXPIRED',
  'ERR_GATEWAY_GONE',
]);

/**
 * Adds `/_matrix/push/v1/notify`, where Matrix homeservers push (Matrix Push Gateway API) to endpoints of this gateway, and where
 * apps ask whether there is such a path (UnifiedPush, "Matrix gateway").
 *
 * When something cannot be sent now, the whole request is answered 429 or 503: a homeserver tries it again, and what has been sent
 * already comes with the same push id and is delivered once. Without an event there is no such id; then only counts come twice.
 */
export function addMatrixRoutes(server: FastifyInstance, parts: GatewayParts): void {
  const prefix = `${parts.publicUrl}/p/`;

  /** Whether the push key is alive. Rejects with what has to be tried again. */
  async function notify(notification: MatrixNotification, device: MatrixDevice): Promise<boolean> {
    if (!device.pushkey.startsWith(prefix)) return false;
    try {
      const seal = await openSeal(parts, device.pushkey.slice(prefix.length));
      // A homeserver signs nothing.
      if (seal.vapid !== undefined) return false;
      await send(notification, device, seal);
      return true;
    } catch (error) {
      if (error instanceof GatewayError && dead.has(error.code)) return false;
      throw error;
    }
  }

  async function send(notification: MatrixNotification, device: MatrixDevice, seal: SealedEndpoint): Promise<void> {
    const { urgency, eventId } = notification;
    await sendPush(parts, seal, {
      payload: composeNotification(notification, device),
      ttlSeconds: limits.maxTtlSeconds,
      urgency,
      id: notificationId(notification, device, seal.endpoint.channel),
      ...(eventId === undefined && { topic: countsTopic }),
    });
  }

  addPath(server, {
    url: '/_matrix/push/v1/notify',
    bodyLimitBytes: maxRequestBytes,
    handlers: {
      GET: async () => ({ unifiedpush: { gateway: 'matrix' } }),
      POST: async (request) => {
        const notification = readNotification(deepJsonOf(request));
        const { devices } = notification;
        const results = await Promise.allSettled(devices.map((device) => notify(notification, device)));
        const failure = worstOf(results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
        if (failure !== undefined) throw failure;
        const rejected = devices.filter((_, at) => {
          const result = results[at];
          return result?.status === 'fulfilled' && !result.value;
        });
        return { rejected: [...new Set(rejected.map(({ pushkey }) => pushkey))] };
      },
    },
  });
}

/** What to answer when several devices failed: a fault of ours, or else what has to wait the longest. */
function worstOf(failures: readonly unknown[]): unknown {
  const wait = (error: unknown): number =>
    error instanceof GatewayError ? (error.retryAfterSeconds ?? 0) : Number.POSITIVE_INFINITY;
  return [...failures].sort((a, b) => wait(b) - wait(a))[0];
}
