import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultStateDirectory } from '../config/index.js';
import { MailpushError } from '../errors.js';
import { armorPrivateKey, generateKey } from '../sender/index.js';
import { writePrivateFile } from './private-file.js';

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ENOENT') return undefined;
    throw new MailpushError('ERR_FILE_READ', `${path} cannot be read: check its permissions, or name a --key.`, {
      cause,
      disposition: 'action-required',
    });
  }
}

/**
 * The private key of an address for which none is named: made once and kept in `sender-keys` below the state folder, so that
 * receivers know the sender again.
 *
 * Rejects with `ERR_FILE_READ` or `ERR_FILE_WRITE`.
 */
export async function keptKey(address: string): Promise<string> {
  const canonical = address.toLowerCase();
  const path = join(defaultStateDirectory(), 'sender-keys', `${encodeURIComponent(canonical)}.asc`);
  const kept = await readIfThere(path);
  if (kept !== undefined) return kept;
  const armored = armorPrivateKey(await generateKey({ address: canonical, now: Date.now() }));
  try {
    await writePrivateFile(path, armored);
    return armored;
  } catch (error) {
    // Another `mailpush send` was quicker: there must not be two keys.
    const other = (error as MailpushError).code === 'ERR_FILE_EXISTS' ? await readIfThere(path) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}
