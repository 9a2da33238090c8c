import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { canRun } from '../interop/outside-program.js';
import { findProgram } from './find-program.js';
import { startProgram } from './run-command.js';

const program = findProgram('xdg-dbus-proxy');

/** Whether a test with a sandbox can run; where not, that is said. */
export function canSandbox(): boolean {
  return canRun('xdg-dbus-proxy', program !== undefined, 'scripts/test-servers');
}

/**
 * Puts a filter in front of a bus, as Flatpak does for an app that may talk to these names, and returns its address. For
 * one test.
 *
 * @param socket where it is to listen.
 * @param talk names, with `.*` at the end for all below.
 * @param own names that the app may have.
 */
export async function startBusSandbox(
  address: string,
  socket: string,
  talk: readonly string[],
  own: readonly string[] = [],
): Promise<string> {
  const rules = [...talk.map((name) => `--talk=${name}`), ...own.map((name) => `--own=${name}`)];
  const proxy = startProgram(program ?? 'xdg-dbus-proxy', [address, socket, '--filter', ...rules]);
  const ended = proxy.ended.then(({ stderr }) => stderr);
  await expect.poll(async () => existsSync(socket) || (await Promise.race([ended, undefined]))).toBe(true);
  return `unix:path=${socket}`;
}
