import fc from 'fast-check';

/** One change of some bytes; positions are parts of their length in 1/2^32. */
type Mutation =
  | { readonly kind: 'cut'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'flip'; readonly at: number; readonly mask: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: 'end'; readonly at: number };

const places = fc.nat(2 ** 32 - 1);

function mutations(words: readonly string[]): fc.Arbitrary<Mutation> {
  const word = fc.constantFrom(...words).map((text) => Buffer.from(text, 'latin1'));
  return fc.oneof(
    fc.record({ kind: fc.constant('cut' as const), at: places, length: fc.integer({ min: 1, max: 200 }) }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: places,
      bytes: fc.oneof(word, fc.uint8Array({ maxLength: 20 })),
    }),
    fc.record({ kind: fc.constant('flip' as const), at: places, mask: fc.integer({ min: 1, max: 255 }) }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: places,
      length: fc.integer({ min: 1, max: 400 }),
      times: fc.integer({ min: 2, max: 60 }),
    }),
    fc.record({ kind: fc.constant('end' as const), at: places }),
  );
}

function mutate(bytes: Buffer, mutation: Mutation): Buffer {
  const at = Math.floor((mutation.at / 2 ** 32) * (bytes.length + 1));
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (mutation.kind) {
    case 'cut':
      return Buffer.concat([before, after.subarray(mutation.length)]);
    case 'insert':
      return Buffer.concat([before, mutation.bytes, after]);
    case 'flip':
      return Buffer.concat([before, after.subarray(0, 1).map((byte) => byte ^ mutation.mask), after.subarray(1)]);
    case 'repeat':
      return Buffer.concat([before, ...Array(mutation.times).fill(after.subarray(0, mutation.length)), after]);
    case 'end':
      return Buffer.from(before);
  }
}

/**
 * Bytes that are nearly one of `seeds`: a few pieces cut out, put in, changed or repeated. `words` are what is put in, beside
 * random bytes.
 */
export function mutated(seeds: readonly (Uint8Array | string)[], words: readonly string[]): fc.Arbitrary<Uint8Array> {
  const bytes = seeds.map((seed) => (typeof seed === 'string' ? Buffer.from(seed, 'latin1') : Buffer.from(seed)));
  return fc
    .tuple(fc.constantFrom(...bytes), fc.array(mutations(words), { maxLength: 6 }))
    .map(([seed, changes]) => new Uint8Array(changes.reduce(mutate, seed)));
}
