import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program is, undefined if nowhere; `/usr/sbin`, which is not on the path of ordinary users, is looked into too. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}
