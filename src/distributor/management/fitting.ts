/** A message on the bus has 1 MiB at most for us; this leaves room for all the rest. */
const maxBytes = 700_000;

/** As many of the first items as fit into an answer as JSON, at most `maxItems`. */
export function fitting<T>(items: readonly T[], maxItems: number): T[] {
  let left = maxBytes;
  const end = items.findIndex((item) => {
    left -= Buffer.byteLength(JSON.stringify(item)) + 1;
    return left < 0;
  });
  return items.slice(0, Math.min(maxItems, end < 0 ? items.length : end));
}
