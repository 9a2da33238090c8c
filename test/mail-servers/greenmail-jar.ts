import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../tools/find-program.js';
import { loopbackAddress } from '../tools/loopback-address.js';
import { startProcessGroup, unprivilegedUser } from '../tools/process-group.js';
import { greeted } from './greeted.js';
import { testUser } from './test-mail-server.js';

/** A GreenMail, whatever it runs in. */
export interface RunningGreenmail {
  readonly imap: { readonly host: string; readonly port: number };
  readonly smtp: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** The one user, as GreenMail takes it: local part, password, domain. */
export const greenmailUser: string = testUser.address.replace('@', `:${testUser.password}@`);

const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));

/** The jar that `scripts/test-servers` has fetched. */
function jar(): string | undefined {
  try {
    const names = readdirSync(cache).filter((name) => /^greenmail-standalone-2\.1\.\d+\.jar$/.test(name));
    return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  } catch {
    return undefined;
  }
}

/** Why GreenMail cannot be started under Java here; undefined if it can. */
export function whyNoJar(): string | undefined {
  if (process.platform !== 'linux' || findProgram('setpriv') === undefined) {
    return 'it is started under Java on Linux with setpriv only';
  }
  const java = findProgram('java');
  if (java === undefined || spawnSync(java, ['-version']).status !== 0) return 'there is neither Docker nor Java';
  if (jar() === undefined) return 'its jar is not there';
  return undefined;
}

/** Starts GreenMail under Java, on a loopback address of its own, because it cannot say which free port it took. */
export async function startGreenmailJar(): Promise<RunningGreenmail> {
  const host = loopbackAddress();
  const options = [
    // A test server is started often and runs briefly.
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Xmx256m',
    '-Dgreenmail.setup.test.smtp',
    '-Dgreenmail.setup.test.imap',
    `-Dgreenmail.hostname=${host}`,
    `-Dgreenmail.users=${greenmailUser}`,
    '-Dgreenmail.users.login=email',
  ];
  const program = [findProgram('java') ?? 'java', ...options, '-jar', join(cache, jar() ?? 'greenmail.jar')];
  // As whoever runs the tests: nobody else may be able to read a checkout.
  const group = startProcessGroup(program, { ...unprivilegedUser(), uid: ownId('getuid'), gid: ownId('getgid') }, '/');
  try {
    await greeted('GreenMail', { host, port: 3143 }, group);
    await greeted('GreenMail', { host, port: 3025 }, group);
    return { imap: { host, port: 3143 }, smtp: { host, port: 3025 }, stop: group.kill };
  } catch (error) {
    await group.kill();
    throw error;
  }
}

function ownId(which: 'getuid' | 'getgid'): number {
  return process[which]?.() ?? 0;
}
