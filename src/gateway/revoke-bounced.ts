import type { Runtime } from '../runtime.js';
import { readBounce } from '../sender/index.js';
import { createRedis } from './redis.js';
import { createRedisRevocations } from './redis-revocations.js';
import { createRevocationMemory } from './revocations.js';
import { lifeSeconds } from './sealer.js';

const redisMs = 5000;

/** Options of {@link revokeBounced}. */
export interface RevokeBouncedOptions {
  /** As in `GatewayOptions`. */
  readonly redis: { readonly url: string; readonly password?: string };
  readonly runtime: Runtime;
}

/**
 * Reads a mail that came to the address of a gateway. If it says that there is no mailbox for a push (RFC 3464), the endpoint of that push is
 * revoked as it was sealed up to now, for all replicas; should the mailbox be there after all, what its distributor has sealed anew is good.
 * Resolves to the number of endpoints; 0 for any other mail.
 *
 * Rejects with a GatewayError `ERR_GATEWAY_UNAVAILABLE` when Redis cannot be asked.
 */
export async function revokeBounced(rawMail: Uint8Array, options: RevokeBouncedOptions): Promise<number> {
  const { redis: server, runtime } = options;
  const gone = ((await readBounce(rawMail)) ?? []).filter((bounce) => bounce.gone);
  if (gone.length === 0) return 0;
  const redis = createRedis({ ...server, timeoutMs: redisMs, runtime });
  try {
    await redis.settled(redisMs);
    const revocations = createRedisRevocations(redis, createRevocationMemory(runtime), runtime);
    const until = Math.ceil(runtime.now() / 1000) + lifeSeconds;
    let count = 0;
    for (const { address, channel } of gone) {
      if (address === undefined) continue;
      await revocations.revokeEndpoint({ address, channel }, until);
      count += 1;
    }
    return count;
  } finally {
    await redis.close();
  }
}
