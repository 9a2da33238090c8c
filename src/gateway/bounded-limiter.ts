import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** How many may be had in a time, both over 0. */
export interface Rate {
  readonly points: number;
  readonly seconds: number;
}

/** The most keys that a limiter in memory keeps: some 30 MB at worst. */
const maxKeys = 100_000;

/**
 * Counts in memory, and for no more than so many keys: beyond them the one that has been counted longest ago is forgotten,
 * so that strangers cannot fill memory. Nothing is ever given back that was not taken.
 */
export class BoundedLimiter extends RateLimiterMemory {
  readonly #keys = new Set<string>();
  readonly #maxKeys: number;

  constructor({ points, seconds }: Rate, most: number = maxKeys) {
    super({ points, duration: seconds, keyPrefix: '' });
    this.#maxKeys = most;
  }

  override consume(key: string, ...rest: [number?, Record<string, unknown>?]): Promise<RateLimiterRes> {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#maxKeys) {
      const [oldest = ''] = this.#keys;
      this.#keys.delete(oldest);
      void super.delete(oldest);
    }
    return super.consume(key, ...rest);
  }

  override async reward(key: string, points = 1): Promise<RateLimiterRes> {
    const counted = await this.get(key);
    const taken = Math.min(points, counted?.consumedPoints ?? 0);
    return taken > 0 ? super.reward(key, taken) : (counted ?? new RateLimiterRes());
  }
}
