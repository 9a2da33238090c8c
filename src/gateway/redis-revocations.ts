import type { Runtime } from '../runtime.js';
import type { Revocations } from './parts.js';
import type { Redis } from './redis.js';
import { endpointRevocation, type RevocationMemory, revocationsOf, sealRevocation } from './revocations.js';

const keyOf = (name: string): string => `mailpush:revoked:${name}`;

/** How many are told to Redis at a time when it has come back. */
const batch = 100;

/**
 * Keeps revocations in Redis until the seals expire, and those of this process in memory too. Without Redis only the latter are known: a
 * push too many goes to a device that no longer wants it and is dropped there, whereas a push refused would be lost. Once Redis is
 * back it is told what is in memory, since it may have come back empty.
 */
export function createRedisRevocations(
  redis: Redis,
  memory: RevocationMemory,
  { now }: Pick<Runtime, 'now'>,
): Revocations {
  const tell = async (name: string, until: number): Promise<void> => {
    const seconds = Math.ceil(until - now() / 1000);
    if (seconds > 0) await redis.raise(keyOf(name), until, seconds);
  };
  const revoke = async (name: string, until: number): Promise<void> => {
    memory.revoke(name, until);
    await tell(name, until);
  };

  async function tellAll(): Promise<void> {
    const entries = memory.entries();
    for (let first = 0; first < entries.length; first += batch) {
      await Promise.all(entries.slice(first, first + batch).map(([name, until]) => tell(name, until)));
    }
  }

  redis.onReady(() => {
    tellAll().catch(() => {}); // not there any more: it is told the next time
  });

  return {
    revokeSeal: (id, until) => revoke(sealRevocation(id), until),
    revokeEndpoint: (endpoint, until) => revoke(endpointRevocation(endpoint), until),
    isRevoked: async (seal) => {
      const names = revocationsOf(seal);
      if (names.some((name) => memory.covers(name, seal.expires))) return true;
      try {
        const ends = await redis.get(names.map(keyOf));
        return ends.some((until) => Number(until ?? 0) >= seal.expires);
      } catch {
        return false;
      }
    },
  };
}
