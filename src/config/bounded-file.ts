import { createReadStream } from 'node:fs';

/** At most the first `maxBytes` of a file, whatever kind of file it is. Rejects with the system's own error. */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { end: maxBytes - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
