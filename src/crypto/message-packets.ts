import type * as openpgp from 'openpgp';

interface Reader {
  read(): Promise<{ done: boolean; value?: openpgp.AnyPacket }>;
}

/**
 * Reads the packets of a message to their end and returns them. OpenPGP.js stops at the first data packet and keeps
 * what follows, such as the signature, in a stream that only one call can use up.
 */
export async function readAllPackets(message: openpgp.Message<Uint8Array>): Promise<readonly openpgp.AnyPacket[]> {
  const packets = message.packets as openpgp.PacketList<openpgp.AnyPacket> & {
    stream?: { getReader(): Reader } | null;
  };
  const reader = packets.stream?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    packets.push(value);
  }
  packets.stream = null;
  return [...packets];
}

/** The type id of a packet; one of a version that is not known keeps it only on the instance. */
export function packetTag(packet: openpgp.AnyPacket): number | undefined {
  return (packet.constructor as { tag?: number }).tag ?? (packet as { tag?: number }).tag;
}
