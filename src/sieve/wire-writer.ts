/** A quoted string may have no more (RFC 5804 §4, QUOTED). */
const maxQuotedBytes = 1024;

/**
 * A string as a client sends it: quoted if it can be, else as a literal that waits for nobody (RFC 5804 §4, the only kind
 * that a client may send).
 */
export function writeString(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const quotable = bytes.length <= maxQuotedBytes && !bytes.some((byte) => byte < 0x20 || byte === 0x7f);
  if (!quotable) return Buffer.concat([Buffer.from(`{${bytes.length}+}\r\n`), bytes]);
  return Buffer.from(`"${bytes.toString('latin1').replace(/["\\]/g, '\\$&')}"`, 'latin1');
}

/** A whole command with its line end. */
export function writeCommand(name: string, ...args: readonly (string | number | Uint8Array)[]): Buffer {
  const parts = args.flatMap((arg) => [
    Buffer.from(' '),
    typeof arg === 'number' ? Buffer.from(String(arg)) : writeString(arg),
  ]);
  return Buffer.concat([Buffer.from(name), ...parts, Buffer.from('\r\n')]);
}
