import type { FastifyInstance } from 'fastify';
import { limits } from '../../notify-spec/index.js';
import { aesgcm, foldAesgcm } from '../aesgcm.js';
import { GatewayError } from '../gateway-error.js';
import type { GatewayParts } from '../parts.js';
import { addPath, bodyOf, type RequestHandler } from '../path.js';
import { openSeal, sendPush } from '../push.js';
import { type HeaderFields, readCoding, readDelivery } from '../push-header.js';
import { pushIdOf } from '../push-id.js';
import { checkVapid } from '../vapid.js';

/**
 * Adds `/p/:sealed`, where app servers push (RFC 8030 §5), and `/m/:id`, which is a name and takes no method.
 *
 * What is wrong with a push is told in this order: the seal, its end, VAPID, TTL, urgency, topic, coding, size, limit.
 */
export function addPushRoutes(server: FastifyInstance, parts: GatewayParts): void {
  const { publicUrl, runtime } = parts;
  const audience = new URL(publicUrl).origin;

  const push: RequestHandler = async (request, reply) => {
    const seal = await openSeal(parts, sealedOf(request.params));
    const fields: HeaderFields = request.raw.headersDistinct;
    if (seal.vapid !== undefined) {
      const draft = fields['content-encoding']?.join().trim().toLowerCase() === aesgcm;
      await checkVapid(fields, { key: seal.vapid, audience, now: runtime.now(), draft });
    }
    const delivery = readDelivery(fields);
    const coding = readCoding(fields);
    const body = bodyOf(request);
    if (body.length === 0) {
      throw new GatewayError(
        'ERR_GATEWAY_CODING',
        'A push needs a body of at least one byte; apps take no empty ones.',
      );
    }
    if (coding === 'aes128gcm') refuseSharedKey(body, seal.vapid);
    const payload = coding === aesgcm ? foldAesgcm(fields, body) : body;
    const id = await sendPush(parts, seal, {
      ...delivery,
      payload,
      coding,
      id: pushIdOf(coding, seal.endpoint.channel, payload),
    });
    return reply
      .status(201)
      .headers({ Location: `${publicUrl}/m/${id}`, TTL: String(delivery.ttlSeconds) })
      .send();
  };

  addPath(server, {
    url: '/p/:sealed',
    bodyLimitBytes: limits.payloadBytes,
    handlers: {
      GET: async (request) => {
        await openSeal(parts, sealedOf(request.params));
        return { unifiedpush: { version: 1 } };
      },
      POST: push,
    },
  });
  addPath(server, { url: '/m/:id', handlers: {} });
}

/** Where RFC 8188 §2.1 has the length of the key id, and the key id itself, in a body. */
const keyIdAt = 20;

/** RFC 8292 §3.2: a push service should refuse a message that is encrypted with the key that signed the request. */
function refuseSharedKey(body: Buffer, vapid: string | undefined): void {
  const keyId = body.subarray(keyIdAt + 1, keyIdAt + 1 + (body[keyIdAt] ?? 0));
  if (vapid !== undefined && keyId.toString('base64url') === vapid) {
    throw new GatewayError(
      'ERR_GATEWAY_CODING',
      'The message is encrypted with the VAPID key; use a new key pair for each.',
    );
  }
}

function sealedOf(params: unknown): string {
  return (params as { readonly sealed: string }).sealed;
}
