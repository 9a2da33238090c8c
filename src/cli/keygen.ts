import { isAddress } from '../notify-spec/index.js';
import { armorPrivateKey, generateKey } from '../sender/index.js';
import { writePrivateFile } from './private-file.js';
import { UsageError } from './usage-error.js';

/** Options of `mailpush keygen`. */
export interface KeygenOptions {
  readonly addr: string;
  readonly out: string;
}

/** Makes an app server's key and gives its fingerprint. Rejects with `ERR_USAGE`, `ERR_FILE_EXISTS` or `ERR_FILE_WRITE`. */
export async function keygen({ addr, out }: KeygenOptions): Promise<string> {
  if (!isAddress(addr)) throw new UsageError('--addr is not a mail address: write it like push@app.example.');
  const key = await generateKey({ address: addr, now: Date.now() });
  await writePrivateFile(out, armorPrivateKey(key));
  return key.fingerprint;
}
