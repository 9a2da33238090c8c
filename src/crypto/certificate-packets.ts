/** Type ids of the packets of a certificate (RFC 9580 §5). */
export const packetTypes = { signature: 2, publicKey: 6, userId: 13, publicSubkey: 14 } as const;

const maxScalarBytes = 32;

/** Writes a packet: its header in the OpenPGP format (RFC 9580 §4.2.1, lengths of one or two octets) and its body. */
export function writePacket(type: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  const size = length < 192 ? [length] : [192 + ((length - 192) >> 8), (length - 192) & 0xff];
  return Buffer.concat([Uint8Array.of(0xc0 | type, ...size), body]);
}

/**
 * The bodies of the packets in `data` with their types, in order; undefined when their headers are not those that
 * {@link writePacket} makes, or a packet ends early.
 */
export function readPackets(data: Uint8Array): readonly { type: number; body: Uint8Array }[] | undefined {
  const packets: { type: number; body: Uint8Array }[] = [];
  for (let at = 0; at < data.length; ) {
    const [tag = 0, first = 255, second = 0] = data.subarray(at, at + 3);
    if (tag < 0xc0 || first >= 224) return undefined;
    const [header, length] = first < 192 ? [2, first] : [3, ((first - 192) << 8) + second + 192];
    const body = data.subarray(at + header, at + header + length);
    if (body.length !== length) return undefined;
    packets.push({ type: tag & 0x3f, body });
    at += header + length;
  }
  return packets;
}

/** Writes bytes as a multiprecision integer: its length in bits, and no leading zeros (RFC 9580 §3.2). */
export function writeMpi(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  if (start === -1) return Uint8Array.of(0, 0);
  const digits = bytes.subarray(start);
  const bits = digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
  return Buffer.concat([Uint8Array.of(bits >> 8, bits & 0xff), digits]);
}

/**
 * Reads two multiprecision integers of at most 32 bytes, as an EdDSALegacy signature has them (RFC 9580 §5.2.3.3.1), and
 * puts their leading zeros back: 64 bytes. Undefined when there is anything else.
 */
export function readTwoScalars(data: Uint8Array): Uint8Array | undefined {
  const scalars = new Uint8Array(2 * maxScalarBytes);
  let at = 0;
  for (const end of [maxScalarBytes, 2 * maxScalarBytes]) {
    const [high, low] = data.subarray(at, at + 2);
    if (high === undefined || low === undefined) return undefined;
    const size = ((high << 8) + low + 7) >> 3;
    const digits = data.subarray(at + 2, at + 2 + size);
    if (size > maxScalarBytes || digits.length !== size) return undefined;
    scalars.set(digits, end - size);
    at += 2 + size;
  }
  return at === data.length ? scalars : undefined;
}
