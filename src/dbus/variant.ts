/** A value with its D-Bus type, both ways: what `v` is in arguments and replies. */
export interface Variant {
  /** One complete type, such as `s` or `ay`. */
  readonly signature: string;
  /** See the table at {@link BusMethod} for what stands for which type. */
  readonly value: unknown;
}

/** An `a{sv}`: UnifiedPush's version 2 takes and gives nothing else. */
export type VariantDict = Readonly<Record<string, Variant>>;

interface ValueOf {
  readonly s: string;
  readonly ay: Uint8Array;
  readonly b: boolean;
  readonly d: number;
  readonly o: string;
  readonly u: number;
  readonly t: bigint;
  readonly as: readonly string[];
}

/**
 * The value under `key` when it is there with exactly this type, else undefined: a wrong type is the same as nothing,
 * because both must be answered by the one who knows what the key is for.
 */
export function variantValue<S extends keyof ValueOf>(
  dict: VariantDict,
  key: string,
  signature: S,
): ValueOf[S] | undefined {
  if (!Object.hasOwn(dict, key)) return undefined;
  const variant = dict[key];
  return variant?.signature === signature ? (variant.value as ValueOf[S]) : undefined;
}
