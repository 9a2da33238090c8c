import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as smtpServer from 'smtp-server';
import { startEmbeddedSmtp } from '../../src/demo/embedded-smtp.js';
import { startCountingRelay } from '../tools/counting-relay.js';
import {
  type ProcessGroup,
  startProcessGroup,
  type UnprivilegedUser,
  unprivilegedUser,
} from '../tools/process-group.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { dovecotConfiguration } from './dovecot-configuration.js';
import { createImapAdmin } from './imap-admin.js';
import { deliverByLmtp } from './lmtp.js';
import { type MailServerKind, type TestMailServer, testUser } from './test-mail-server.js';

/** A {@link TestMailServer} that tells what it consists of. */
export interface DovecotServer extends TestMailServer {
  readonly processGroup: number;
  /** Where all of its files are. */
  readonly directory: string;
}

/** Where the program is: `/usr/sbin` is not on the path of ordinary users. */
function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** Why Dovecot cannot be started here; undefined if it can. */
function whyNot(): string | undefined {
  const program = findProgram('dovecot');
  if (process.platform !== 'linux' || findProgram('setpriv') === undefined) {
    return 'it is started on Linux with setpriv only';
  }
  if (program === undefined) {
    return 'dovecot is not installed';
  }
  const { stdout: version } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (!version?.startsWith('2.3.')) {
    return `it is for Dovecot 2.3 and this one is ${version?.split(' ')[0] || 'unusable'}`;
  }
  if (!['/usr/lib/dovecot', '/usr/libexec/dovecot'].some((directory) => existsSync(join(directory, 'lmtp')))) {
    return 'dovecot is installed without LMTP';
  }
  return undefined;
}

/** Resolves when the server greets on its IMAP socket; a server that ends first, or says nothing, is an error. */
async function greeted(path: string, group: ProcessGroup): Promise<void> {
  let ended = false;
  void group.ended.then(() => {
    ended = true;
  });
  for (let attempt = 0; attempt < 500 && !ended; attempt += 1) {
    const greeting = await new Promise<boolean>((resolve) => {
      const socket = connect(path);
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
    if (greeting) {
      return;
    }
    await delay(20);
  }
  throw new Error(`Dovecot did not start:\n${group.errors()}`);
}

async function writeFiles(directory: string, owner: UnprivilegedUser): Promise<string> {
  const { address, password } = testUser;
  const configuration = join(directory, 'dovecot.conf');
  await writeFile(configuration, dovecotConfiguration(directory, owner));
  await writeFile(
    join(directory, 'users'),
    `${address}:{PLAIN}${password}:${owner.uid}:${owner.gid}::${directory}/home\n`,
  );
  await chmod(join(directory, 'users'), 0o600);
  if (process.getuid?.() === 0) {
    for (const path of [directory, configuration, join(directory, 'users')]) {
      await chown(path, owner.uid, owner.gid);
    }
  }
  return configuration;
}

/** Starts a Dovecot of our own; throws what it wrote to stderr if it does not come up. */
export async function startDovecot(): Promise<DovecotServer> {
  const owner = unprivilegedUser();
  const directory = await makeTemporaryDirectory();
  const toStop: (() => unknown)[] = [directory.remove];
  const stop = async (): Promise<void> => {
    for (const each of toStop.splice(0).reverse()) {
      await each();
    }
  };
  try {
    const configuration = await writeFiles(directory.path, owner);
    const program = findProgram('dovecot') ?? 'dovecot';
    const group = startProcessGroup([program, '-F', '-c', configuration], owner, directory.path);
    toStop.push(group.kill);
    const imapSocket = join(directory.path, 'imap');
    await greeted(imapSocket, group);
    const relay = await startCountingRelay({ path: imapSocket });
    toStop.push(relay.stop);
    // What a test does itself is not counted.
    const back = await startCountingRelay({ path: imapSocket });
    toStop.push(back.stop);
    const admin = createImapAdmin({
      host: back.host,
      port: back.port,
      user: testUser.address,
      password: testUser.password,
    });
    toStop.push(admin.close);
    const smtp = await startEmbeddedSmtp(smtpServer, {
      knows: (recipient) => recipient.toLowerCase().replace(/\+[^@]*@/, '@') === testUser.address,
      deliver: (mail) => deliverByLmtp(join(directory.path, 'lmtp'), mail),
    });
    toStop.push(smtp.stop);
    return {
      name: dovecot.name,
      address: testUser.address,
      imap: { host: relay.host, port: relay.port, secure: false, user: testUser.address, password: testUser.password },
      smtp: { host: '127.0.0.1', port: smtp.port },
      append: admin.append,
      appendAll: admin.appendAll,
      createFolder: admin.createFolder,
      snapshot: admin.snapshot,
      connections: relay.counts,
      interrupt: relay.interrupt,
      resume: relay.resume,
      processGroup: group.id,
      directory: directory.path,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const reason = whyNot();

/** Dovecot 2.3 from the Debian packages: own configuration in a temporary directory, no rights, no service touched. */
export const dovecot: MailServerKind = {
  name: 'Dovecot',
  available: reason === undefined,
  ...(reason !== undefined && { reason }),
  howToGet: 'scripts/test-servers',
  start: startDovecot,
};
