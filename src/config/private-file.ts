import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

const othersMask = 0o077;
/** The group bits of a file with an access list tell the most that anybody on the list has (acl(5)), not what the group has. */
const othersMaskOfCredential = 0o037;

/** What stands in a file, or what is wrong with it, as the end of a sentence that begins with the key and the path. */
export type PrivateFile =
  | { readonly text: string }
  | { readonly problem: string; readonly isMissing?: boolean; readonly cause?: unknown };

/** systemd gives a service its secrets in a folder that nobody else gets into, and lets the user in by an access list. */
function othersMaskOf(path: string): number {
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  return credentials !== undefined && credentials !== '' && dirname(path) === credentials
    ? othersMaskOfCredential
    : othersMask;
}

/** At most the first `maxBytes` of a file that only its owner can read (mode 0600 or less), as UTF-8. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<PrivateFile> {
  try {
    // A pipe that nobody writes to would otherwise wait for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await file.stat();
    if (!facts.isFile()) return { problem: 'which is not a file: correct the path' };
    if ((facts.mode & othersMaskOf(path)) !== 0) return { problem: 'which others can read: run chmod 600 on it' };
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxBytes) });
    return { text: buffer.toString('utf8', 0, bytesRead) };
  } catch (cause) {
    const { code } = cause as { code?: string };
    return {
      problem: `which cannot be read (${code ?? 'no reason given'}): correct the path or the permissions`,
      isMissing: code === 'ENOENT',
      cause,
    };
  }
}
