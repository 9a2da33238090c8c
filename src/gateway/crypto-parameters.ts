/**
 * The parameters in the values of Crypto-Key or Encryption (draft-ietf-webpush-encryption-04 §3, §4), by lower-case name:
 * `name=value` pairs, separated by `;` or, for another key, by `,`. Only the first of a name counts; a value may be quoted.
 */
export function readCryptoParameters(values: readonly string[]): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of values.join(',').split(/[;,]/)) {
    const equals = pair.indexOf('=');
    if (equals === -1) continue;
    const name = pair.slice(0, equals).trim().toLowerCase();
    const value = unquote(pair.slice(equals + 1).trim());
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
