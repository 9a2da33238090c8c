import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MailpushError } from '../errors.js';
import type { LineProcess } from './line-process.js';
import type { Narrator } from './narrator.js';
import { program, type Stage } from './stage.js';

/** What is needed to push to the app of the demonstration. */
export interface OpenEnd {
  readonly stage: Stage;
  readonly daemon: LineProcess;
  readonly app: LineProcess;
  readonly endpoint: string;
  /** Address of the app server, and its private key, armored. */
  readonly from: string;
  readonly armoredKey: string;
}

/** As one word of a shell's command line. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Paths are absolute: the other terminal is somewhere else. */
async function sendCommand({ stage, endpoint, from, armoredKey }: OpenEnd): Promise<string> {
  const endpointFile = join(stage.directory, 'endpoint');
  const keyFile = join(stage.directory, 'app-server.asc');
  await writeFile(endpointFile, `${endpoint}\n`, { mode: 0o600 });
  await writeFile(keyFile, armoredKey, { mode: 0o600 });
  const { host, port } = stage.mail.smtp;
  const smtp = `smtp://${host}:${port}`;
  const words = ['node', program, 'send', `@${endpointFile}`, '--smtp', smtp, '--from', from, '--key', keyFile];
  return `echo Hello | ${words.map(quoted).join(' ')}`;
}

/**
 * Says how to push to the app and tells every message that it gets, until `signal` is aborted. Rejects when the daemon or the
 * app ends.
 */
export async function keepRunning(open: OpenEnd, tell: Narrator, signal: AbortSignal): Promise<void> {
  tell.title('It stays there until you press Ctrl-C. Push to it from another terminal:');
  tell.line(await sendCommand(open));
  tell.title('The endpoint:');
  tell.line(open.endpoint);
  tell.title('What arrives:');
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const daemonGone = open.daemon.ended.then((): never => {
    throw new MailpushError('ERR_DEMO_FAILED', 'The daemon has ended by itself: please report this.');
  });
  for (;;) {
    const message = await Promise.race([open.app.next((line) => line.event === 'message'), stopped, daemonGone]);
    if (message === undefined) return;
    tell.step('delivered', `“${String(message.text).trimEnd()}”`);
  }
}
