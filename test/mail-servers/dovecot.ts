import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as smtpServer from 'smtp-server';
import { startEmbeddedSmtp } from '../../src/demo/embedded-smtp.js';
import { type RelayTarget, startCountingRelay } from '../tools/counting-relay.js';
import { findProgram } from '../tools/find-program.js';
import { loopbackAddress } from '../tools/loopback-address.js';
import {
  type ProcessGroup,
  startProcessGroup,
  type UnprivilegedUser,
  unprivilegedUser,
} from '../tools/process-group.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { type DovecotOptions, dovecotConfiguration, plainPort, sievePort, tlsPort } from './dovecot-configuration.js';
import { greeted } from './greeted.js';
import { createImapAdmin, type ImapAdmin } from './imap-admin.js';
import { deliverByLmtp } from './lmtp.js';
import { createNudge } from './nudge.js';
import { type MailServerKind, type TestMailServer, testUser } from './test-mail-server.js';

/** What can befall a Dovecot. */
export interface DovecotFate {
  /** Changes when it is started again. */
  readonly processGroup: number;
  /** Ends all of its processes: by SIGKILL at once, by SIGTERM as an administrator does. Default SIGKILL. */
  halt(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again after {@link halt}, at the same places and with the same mail. */
  startAgain(): Promise<void>;
  /** Makes it read its files again, which takes a moment; nobody is thrown out. */
  reload(): void;
  /** Gives the first user another password. */
  setPassword(password: string): Promise<void>;
  /** Shows another certificate, a moment later. */
  showCertificate(name: NonNullable<DovecotOptions['certificate']>): Promise<void>;
}

/** A {@link TestMailServer} that tells what it consists of. */
export interface DovecotServer extends TestMailServer, DovecotFate {
  /** Where all of its files are. */
  readonly directory: string;
  /** The home folder of the user, with `Maildir` in it. */
  readonly home: string;
  deleteFolder(path: string): Promise<void>;
  /** Where it listens for ManageSieve if it was asked to. */
  readonly sieve: { readonly host: string; readonly port: number };
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

/** The users of a Dovecot; the first is the one that tests know. */
type Users = readonly { readonly address: string; readonly password: string }[];

const tls = (name: string): string => fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url));

/** The authority that has signed the certificate of every server here that has one. */
export const testAuthority: string = tls('authority.pem');

async function writeFiles(
  directory: string,
  owner: UnprivilegedUser,
  address: string,
  options: DovecotOptions,
  users: Users,
): Promise<string> {
  const { certificate = 'localhost' } = options;
  const own = (name: string): string => join(directory, name);
  const place = { directory, owner, address, certificate: own('server.pem'), key: own('server.key') };
  await writeFile(own('dovecot.conf'), dovecotConfiguration(place, options));
  await writeFile(
    own('users'),
    users
      .map(
        (user) =>
          `${user.address}:{PLAIN}${user.password}:${owner.uid}:${owner.gid}::${directory}/home/${user.address}\n`,
      )
      .join(''),
  );
  await copyFile(tls(`${certificate}.pem`), place.certificate);
  await copyFile(tls(`${certificate}.key`), place.key);
  for (const path of [directory, own('dovecot.conf'), own('users'), place.certificate, place.key]) {
    if (path !== directory) await chmod(path, 0o600);
    if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
  }
  return own('dovecot.conf');
}

/** A Dovecot without anything in front of it. */
export interface BareDovecot extends DovecotFate {
  readonly directory: string;
  /** Unix sockets. */
  readonly imapSocket: string;
  readonly lmtpSocket: string;
  /** The address that it listens on. */
  readonly host: string;
  /** Where clients come in. */
  readonly entrance: RelayTarget;
  /** Works on the mailbox of the first user. */
  readonly admin: ImapAdmin;
  /** Works on the mailbox of any user. */
  adminOf(user: Users[number]): Promise<ImapAdmin>;
  stop(): Promise<void>;
}

/** Resolves when a login works; for a Dovecot that reads its files again. */
async function accepted(logIn: () => ImapAdmin): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const admin = logIn();
    try {
      await admin.snapshot();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await delay(50);
    } finally {
      admin.close();
    }
  }
}

/** Ends what has been started, the last first. */
export function createStops(): { add(stop: () => unknown): void; stop(): Promise<void> } {
  const stops: (() => unknown)[] = [];
  return {
    add: (stop) => void stops.push(stop),
    async stop() {
      for (const each of stops.splice(0).reverse()) await each();
    },
  };
}

function entranceOf({ security, hibernating }: DovecotOptions, host: string, path: string): RelayTarget {
  if (security === 'tls') return { host, port: tlsPort };
  return hibernating ? { host, port: plainPort } : { path };
}

/** Starts a Dovecot of our own; throws what it wrote to stderr if it does not come up. */
export async function startBareDovecot(options: DovecotOptions = {}, users: Users = [testUser]): Promise<BareDovecot> {
  const owner = unprivilegedUser();
  const directory = await makeTemporaryDirectory();
  const stops = createStops();
  stops.add(directory.remove);
  try {
    const address = loopbackAddress();
    const configuration = await writeFiles(directory.path, owner, address, options, users);
    const program = findProgram('dovecot') ?? 'dovecot';
    const begin = (): ProcessGroup => startProcessGroup([program, '-F', '-c', configuration], owner, directory.path);
    let group = begin();
    stops.add(() => group.kill());
    const imapSocket = join(directory.path, 'imap');
    await greeted('Dovecot', { path: imapSocket }, group);
    // What a test does itself is not counted.
    const back = await startCountingRelay({ path: imapSocket });
    stops.add(back.stop);
    const reload = (): void => void process.kill(group.id, 'SIGHUP');
    const adminOf: BareDovecot['adminOf'] = async ({ address: user, password }) => {
      const admin = createImapAdmin({ host: back.host, port: back.port, user, password });
      stops.add(admin.close);
      return admin;
    };
    return {
      get processGroup() {
        return group.id;
      },
      async halt(signal = 'SIGKILL') {
        if (signal === 'SIGTERM') {
          // The first process ends the others.
          process.kill(group.id, signal);
          await group.ended;
        }
        await group.kill();
      },
      async startAgain() {
        group = begin();
        await greeted('Dovecot', { path: imapSocket }, group);
      },
      async setPassword(password) {
        const file = join(directory.path, 'users');
        await writeFile(file, (await readFile(file, 'utf8')).replace(/\{PLAIN\}[^:]*/, `{PLAIN}${password}`));
        reload();
        const user = (users[0] ?? testUser).address;
        await accepted(() => createImapAdmin({ host: back.host, port: back.port, user, password }));
      },
      reload,
      async showCertificate(name) {
        await copyFile(tls(`${name}.pem`), join(directory.path, 'server.pem'));
        await copyFile(tls(`${name}.key`), join(directory.path, 'server.key'));
        reload();
      },
      directory: directory.path,
      imapSocket,
      lmtpSocket: join(directory.path, 'lmtp'),
      host: address,
      entrance: entranceOf(options, address, imapSocket),
      admin: await adminOf(users[0] ?? testUser),
      adminOf,
      stop: stops.stop,
    };
  } catch (error) {
    await stops.stop();
    throw error;
  }
}

/** Whether there is a mailbox for this address, sub-addresses included. */
export function isTestUser(recipient: string): boolean {
  return recipient.toLowerCase().replace(/\+[^@]*@/, '@') === testUser.address;
}

/** A server that clients of the Dovecot talk to instead. */
type InFront = (imapSocket: string) => Promise<{ readonly host: string; readonly port: number; stop(): Promise<void> }>;

/** Starts a Dovecot with SMTP in front of its LMTP, and something in front of its IMAP if that is wanted. */
export async function startDovecot(
  name: string = dovecot.name,
  { inFront, ...options }: DovecotOptions & { readonly inFront?: InFront } = {},
): Promise<DovecotServer> {
  const stops = createStops();
  try {
    const bare = await startBareDovecot(options);
    stops.add(bare.stop);
    const { security = 'plain' } = options;
    const front = await inFront?.(bare.imapSocket);
    if (front !== undefined) stops.add(front.stop);
    const relay = await startCountingRelay(front ?? bare.entrance);
    stops.add(relay.stop);
    const home = join(bare.directory, 'home', testUser.address);
    const { nudge, stop: stopNudging } = createNudge(join(home, 'Maildir'));
    stops.add(stopNudging);
    const smtp = await startEmbeddedSmtp(smtpServer, {
      knows: isTestUser,
      async deliver(mail) {
        await deliverByLmtp(bare.lmtpSocket, mail);
        if (options.hibernating) nudge();
      },
    });
    stops.add(smtp.stop);
    const login = { port: relay.port, security, user: testUser.address, password: testUser.password };
    return {
      name,
      address: testUser.address,
      imap: security === 'plain' ? { ...login, host: relay.host } : { ...login, host: 'localhost', ca: testAuthority },
      handled: { kind: 'removed' },
      smtp: { host: '127.0.0.1', port: smtp.port },
      async append(folder, raw, more) {
        const uid = await bare.admin.append(folder, raw, more);
        if (options.hibernating && folder === 'INBOX') nudge();
        return uid;
      },
      appendAll: bare.admin.appendAll,
      createFolder: bare.admin.createFolder,
      deleteFolder: bare.admin.deleteFolder,
      snapshot: bare.admin.snapshot,
      connections: relay.counts,
      interrupt: relay.interrupt,
      resume: relay.resume,
      get processGroup() {
        return bare.processGroup;
      },
      halt: bare.halt,
      startAgain: bare.startAgain,
      reload: bare.reload,
      setPassword: bare.setPassword,
      showCertificate: bare.showCertificate,
      directory: bare.directory,
      home,
      sieve: { host: bare.host, port: sievePort },
      stop: stops.stop,
    };
  } catch (error) {
    await stops.stop();
    throw error;
  }
}

const reason = whyNot();

/** What is the same of every kind with a Dovecot in it. */
export const dovecotAvailability: Pick<MailServerKind, 'available' | 'reason' | 'howToGet'> = {
  available: reason === undefined,
  ...(reason !== undefined && { reason }),
  howToGet: 'scripts/test-servers',
};

function kindOf(name: string, options: DovecotOptions): MailServerKind {
  const encrypted = options.security !== undefined && options.security !== 'plain';
  return { name, ...dovecotAvailability, encrypted, start: () => startDovecot(name, options) };
}

/** Dovecot 2.3 from the Debian packages: own configuration in a temporary directory, no rights, no service touched. */
export const dovecot: MailServerKind = kindOf('Dovecot', {});

/** The same Dovecot as careful administrators have it. */
export const dovecotVariants: readonly MailServerKind[] = [
  kindOf('Dovecot, hibernating', { hibernating: true }),
  kindOf('Dovecot, TLS', { security: 'tls', hibernating: true }),
  kindOf('Dovecot, STARTTLS', { security: 'starttls' }),
];
