import { readPrivateFile } from './private-file.js';

const maxSecretBytes = 16_384;

/** The first line of a file, or what is wrong with it, as the end of a sentence that begins with the key and the path. */
export type FileSecret = { readonly secret: string } | { readonly problem: string; readonly cause?: unknown };

/** The first line of a file that only its owner can read (mode 0600 or less). */
export async function readSecretFile(path: string): Promise<FileSecret> {
  const file = await readPrivateFile(path, maxSecretBytes);
  if ('problem' in file) return file;
  const [secret = ''] = file.text.split(/\r?\n/, 1);
  return secret === '' ? { problem: 'which is empty: write the password into its first line' } : { secret };
}
