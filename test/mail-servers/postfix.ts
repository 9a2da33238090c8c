import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startCountingRelay } from '../tools/counting-relay.js';
import { startProcessGroup, unprivilegedUser } from '../tools/process-group.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { createStops, dovecotAvailability, startBareDovecot } from './dovecot.js';
import { greeted } from './greeted.js';
import { startOneAfterAnother } from './one-after-another.js';
import { type PostfixPlace, postfixMain, postfixMaster } from './postfix-configuration.js';
import { type MailServerKind, type TestMailServer, testUser } from './test-mail-server.js';

/** A {@link TestMailServer} whose mail goes through a queue, and comes back if it cannot be delivered. */
export interface PostfixServer extends TestMailServer {
  readonly processGroup: number;
  readonly directory: string;
  /** An address whose mail is taken by SMTP, and bounces afterwards. */
  readonly bouncingAddress: string;
  /** Mail that has come to `push@app.example`, the only sender that has a mailbox: bounces (RFC 3464). */
  bounces(): Promise<Uint8Array[]>;
}

const name = 'Dovecot behind Postfix';
const appServer = { address: 'push@app.example', password: 'app server' };
const bouncingAddress = 'no-mailbox@example.org';
/** Where Postfix keeps its programs, by distribution. */
const masterPrograms = ['/usr/lib/postfix/sbin/master', '/usr/libexec/postfix/master', '/usr/lib/postfix/master'];
const queues = 'active bounce corrupt defer deferred flush hold incoming private saved trace'.split(' ');

function masterProgram(): string | undefined {
  return masterPrograms.find((path) => existsSync(path));
}

function whyNot(): string | undefined {
  if (!dovecotAvailability.available) return dovecotAvailability.reason;
  if (masterProgram() === undefined) return 'postfix is not installed';
  // It gives up its rights by itself, and nothing of it works without having had them.
  if (process.getuid?.() !== 0) return 'the master process of Postfix runs as root only, and this is another user';
  return undefined;
}

const idOf = (...args: string[]): number => Number(execFileSync('id', args, { encoding: 'utf8' }).trim());

/** The directories that Postfix wants, with the owners that it wants. */
async function makeDirectories(directory: string): Promise<void> {
  const owner = idOf('-u', 'postfix');
  const group = idOf('-g', 'postfix');
  const dropGroup = Number(execFileSync('getent', ['group', 'postdrop'], { encoding: 'utf8' }).split(':')[2]);
  // Its processes run as a user of their own, who has to get here.
  await chmod(directory, 0o711);
  const make = async (path: string, mode: number, uid: number, gid: number): Promise<void> => {
    await mkdir(join(directory, path));
    await chown(join(directory, path), uid, gid);
    await chmod(join(directory, path), mode);
  };
  await make('conf', 0o755, 0, 0);
  await make('data', 0o700, owner, group);
  await make('queue', 0o755, 0, 0);
  await make('queue/pid', 0o755, 0, 0);
  await make('queue/public', 0o2710, owner, dropGroup);
  await make('queue/maildrop', 0o1730, owner, dropGroup);
  for (const queue of queues) await make(join('queue', queue), 0o700, owner, group);
}

/** Starts a Postfix of our own in front of a Dovecot of our own; no service and no file of the system is touched. */
export async function startPostfix(options: Pick<PostfixPlace, 'policyPort'> = {}): Promise<PostfixServer> {
  const stops = createStops();
  try {
    const dovecot = await startBareDovecot({}, [testUser, appServer]);
    stops.add(dovecot.stop);
    const lmtp = await startCountingRelay({ path: dovecot.lmtpSocket });
    stops.add(lmtp.stop);
    const directory = await makeTemporaryDirectory();
    stops.add(directory.remove);
    await makeDirectories(directory.path);
    const recipients = [testUser.address, appServer.address, bouncingAddress];
    const place = { directory: directory.path, recipients, lmtpPort: lmtp.port, ...options };
    await writeFile(join(directory.path, 'conf/main.cf'), postfixMain(place));
    await writeFile(join(directory.path, 'conf/master.cf'), postfixMaster);
    const group = startProcessGroup(
      [masterProgram() ?? 'master', '-s', '-c', join(directory.path, 'conf')],
      { ...unprivilegedUser(), uid: 0, gid: 0 },
      directory.path,
    );
    stops.add(group.kill);
    const smtpSocket = join(directory.path, 'queue/public/smtp');
    await greeted('Postfix', { path: smtpSocket }, group).catch(async (error: Error) => {
      const log = await readFile(join(directory.path, 'data/log'), 'utf8').catch(() => '');
      throw new Error(`${error.message}${log}`);
    });
    const smtp = await startOneAfterAnother(smtpSocket, async () => {
      const waiting = await Promise.all(
        ['maildrop', 'incoming', 'active'].map((queue) => readdir(join(directory.path, 'queue', queue))),
      );
      return waiting.flat().length === 0;
    });
    stops.add(smtp.stop);
    const relay = await startCountingRelay({ path: dovecot.imapSocket });
    stops.add(relay.stop);
    const { admin } = dovecot;
    const bounced = await dovecot.adminOf(appServer);
    return {
      name,
      address: testUser.address,
      imap: {
        host: relay.host,
        port: relay.port,
        security: 'plain',
        user: testUser.address,
        password: testUser.password,
      },
      handled: { kind: 'removed' },
      smtp: { host: smtp.host, port: smtp.port },
      append: admin.append,
      appendAll: admin.appendAll,
      createFolder: admin.createFolder,
      snapshot: admin.snapshot,
      connections: relay.counts,
      interrupt: relay.interrupt,
      resume: relay.resume,
      processGroup: group.id,
      directory: directory.path,
      bouncingAddress,
      bounces: async () => ((await bounced.snapshot()).INBOX ?? []).map(({ bytes }) => bytes),
      stop: stops.stop,
    };
  } catch (error) {
    await stops.stop();
    throw error;
  }
}

const reason = whyNot();

/** Postfix from the Debian package as real SMTP with a queue, handing over to Dovecot by LMTP. */
export const postfix: MailServerKind = {
  name,
  available: reason === undefined,
  ...(reason !== undefined && { reason }),
  howToGet: reason?.includes('root') ? 'the tests run by root' : 'scripts/test-servers',
  start: () => startPostfix(),
};
