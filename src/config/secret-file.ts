import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const maxSecretBytes = 16_384;
const othersMask = 0o077;

/** The first line of a file, or what is wrong with it, as the end of a sentence that begins with the key and the path. */
export type FileSecret = { readonly secret: string } | { readonly problem: string; readonly cause?: unknown };

/** The first line of a file that only its owner can read (mode 0600 or less). */
export async function readSecretFile(path: string): Promise<FileSecret> {
  try {
    // A pipe that nobody writes to would otherwise wait for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await file.stat();
    if (!facts.isFile()) return { problem: 'which is not a file: correct the path' };
    if ((facts.mode & othersMask) !== 0) return { problem: 'which others can read: run chmod 600 on it' };
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxSecretBytes) });
    const [secret = ''] = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/, 1);
    return secret === '' ? { problem: 'which is empty: write the password into its first line' } : { secret };
  } catch (cause) {
    const { code } = cause as { code?: string };
    return {
      problem: `which cannot be read (${code ?? 'no reason given'}): correct the path or the permissions`,
      cause,
    };
  }
}
