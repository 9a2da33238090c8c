import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MailpushError } from '../errors.js';
import { makePrivateFolder } from '../private-folder.js';

/**
 * Writes a new file that only its owner can read (0600 from the start), and the folder for it (0700) if need be. Never
 * overwrites.
 *
 * @throws MailpushError `ERR_FILE_EXISTS` or `ERR_FILE_WRITE`.
 */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  try {
    await makePrivateFolder(dirname(path));
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } catch (cause) {
      // Half a key would be in the way of the next try.
      await rm(path, { force: true });
      throw cause;
    } finally {
      await file.close();
    }
  } catch (cause) {
    if ((cause as { code?: string }).code === 'EEXIST') {
      throw new MailpushError(
        'ERR_FILE_EXISTS',
        `${path} is there already and is never overwritten: name another file, or remove it first.`,
        { cause },
      );
    }
    throw new MailpushError('ERR_FILE_WRITE', `${path} cannot be written: check the folder and its permissions.`, {
      cause,
      disposition: 'action-required',
    });
  }
}
