import { type RateLimiterAbstract, RateLimiterRedis } from 'rate-limiter-flexible';
import { BoundedLimiter, type Rate } from './bounded-limiter.js';
import type { Redis } from './redis.js';

/**
 * Counts, and begins the time of what is counted for the first time. What is given back never makes more than there was:
 * Redis may have been emptied, or the time may be over, since it was taken.
 */
const count = `
redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local consumed = redis.call('incrby', KEYS[1], ARGV[1])
if consumed < 0 then
  consumed = redis.call('incrby', KEYS[1], -consumed)
end
return {consumed, redis.call('pttl', KEYS[1])}
`;

/** Counts in Redis for all replicas; while Redis does not answer, in memory for this one. */
export function createRedisLimiter(redis: Redis, name: string, rate: Rate): RateLimiterAbstract {
  return new RateLimiterRedis({
    storeClient: redis,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    customIncrTtlLuaScript: count,
    keyPrefix: `mailpush:${name}`,
    points: rate.points,
    duration: rate.seconds,
    insuranceLimiter: new BoundedLimiter(rate),
  });
}
