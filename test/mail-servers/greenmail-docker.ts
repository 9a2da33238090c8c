import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { greenmailUser, type RunningGreenmail } from './greenmail-jar.js';

const file = fileURLToPath(new URL('../../compose.yaml', import.meta.url));

/** Whether there is a Docker engine to talk to, and not the command alone, and it has Compose. */
export function hasDocker(): boolean {
  const works = (...args: string[]): boolean =>
    spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return works('info') && works('compose', 'version');
}

/** Docker's own proxy takes connections before GreenMail does, so only a greeting counts. */
async function greets(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {});
    socket.once('close', () => resolve(false));
  });
}

/** Starts the GreenMail of `compose.yaml`, as a project of its own. */
export async function startGreenmailInDocker(): Promise<RunningGreenmail> {
  const project = `mailpush-${randomUUID()}`;
  const compose = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('docker', ['compose', '-f', file, '-p', project, ...args], {
      env: { ...process.env, GREENMAIL_USERS: greenmailUser },
    });
    return stdout;
  };
  const portOf = async (inside: number): Promise<number> => {
    const port = Number((await compose('port', 'greenmail', String(inside))).trim().replace(/^.*:/, ''));
    for (let attempt = 0; attempt < 300; attempt += 1) {
      if (await greets(port)) return port;
      await delay(100);
    }
    throw new Error(`GreenMail does not answer in Docker:\n${await compose('logs')}`);
  };
  const stop = async (): Promise<void> => void (await compose('down', '--volumes', '--timeout', '0'));
  try {
    await compose('up', '--detach');
    const host = '127.0.0.1';
    return { imap: { host, port: await portOf(3143) }, smtp: { host, port: await portOf(3025) }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
