/** A source of chance that gives the same for the same seed. */
export interface Chance {
  /** From 0 (included) to 1 (excluded). */
  next(): number;
  /** A number from `least` to `most`. */
  between(least: number, most: number): number;
  /** One of them, by their weights. */
  pick<T>(from: readonly { readonly weight: number; readonly value: T }[]): T;
}

/** Makes a source of chance (mulberry32). */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    pick: (from) => {
      let left = next() * from.reduce((sum, { weight }) => sum + weight, 0);
      const found = from.find(({ weight }) => {
        left -= weight;
        return left < 0;
      });
      const chosen = found ?? from.at(-1);
      if (chosen === undefined) throw new Error('There is nothing to pick from.');
      return chosen.value;
    },
  };
}
