import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** What stands in a file, or what is wrong with it, as the end of a sentence that begins with the key and the path. */
export type PrivateFile =
  | { readonly text: string }
  | { readonly problem: string; readonly isMissing?: boolean; readonly cause?: unknown };

/**
 * Whether somebody can read or change a secret whose business it is not. A file of root may be readable by its group: so
 * a service that does not run as root is given its secrets, by systemd (whose access list shows in the bits of the group, acl(5)),
 * by Kubernetes, and by administrators.
 *
 * @param self the user of this process.
 */
export function isOpenToOthers(
  { mode, uid }: { mode: number; uid: number },
  self: number | undefined = process.getuid?.(),
): boolean {
  return (mode & (uid === 0 && self !== 0 ? 0o037 : 0o077)) !== 0;
}

/** At most the first `maxBytes` of a file that nobody else can read, as UTF-8. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<PrivateFile> {
  try {
    // A pipe that nobody writes to would otherwise wait for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await file.stat();
    if (!facts.isFile()) return { problem: 'which is not a file: correct the path' };
    if (isOpenToOthers(facts)) return { problem: 'which others can read: run chmod 600 on it' };
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
