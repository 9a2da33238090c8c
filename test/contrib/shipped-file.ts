import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A file that comes along with mailpush. */
export const inContrib = (path: string): string => fileURLToPath(new URL(`../../contrib/${path}`, import.meta.url));

/** The values of a file of sections, keys and values, as systemd, D-Bus and desktops have them. */
export async function valuesIn(file: string): Promise<Map<string, string>> {
  const pairs = (await readFile(file, 'utf8')).matchAll(/^([\w-]+)=(.*)$/gm);
  return new Map(Array.from(pairs, ([, key = '', value = '']) => [key, value]));
}

/** Whether a program is on this machine; if not, says what to install for it. */
export function tool(name: string, howToGet: string): { readonly missing: boolean; readonly note: string } {
  const missing = spawnSync(name, ['--version']).error !== undefined;
  const note = missing ? ` (not checked: ${name} is missing, get it with ${howToGet})` : '';
  if (missing) console.info(`${name} is missing, so what it would check is skipped; get it with ${howToGet}`);
  return { missing, note };
}

/** Runs a program in an environment without anything but PATH and what is given. */
export function run(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
  });
  return { status, said: `${stdout}${stderr}` };
}
