import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LineProcess, startLineProcess } from './line-process.js';
import { type MailServer, startMailServer } from './mail-server.js';
import { ordinaryMail } from './ordinary-mail.js';
import { type PrivateBus, startPrivateBus } from './private-bus.js';

/** The user whose mailbox is shown. */
export const user = { address: 'alice@example.org', password: 'secret' } as const;

/** The program itself, as a file. */
export const program: string = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const app = fileURLToPath(new URL('./app.js', import.meta.url));

/** Everything around the daemon and the app: a mail server with some ordinary mail, a bus, a folder. */
export interface Stage {
  readonly directory: string;
  readonly mail: MailServer;
  readonly bus: PrivateBus;
  /** Starts `mailpush daemon` on this stage, as a process of its own. */
  startDaemon(): LineProcess;
  /** Starts the small app on this stage, as a process of its own. */
  startApp(): LineProcess;
  /** Ends bus and mail server and removes the folder. */
  clear(): Promise<void>;
}

async function writeConfig(directory: string, mail: MailServer): Promise<string> {
  const config = join(directory, 'config.toml');
  const imap = `imap://${encodeURIComponent(user.address)}@${mail.imap.host}:${mail.imap.port}`;
  await writeFile(join(directory, 'password'), `${user.password}\n`, { mode: 0o600 });
  await writeFile(config, `[account]\naddress = "${user.address}"\nimap = "${imap}"\npassword_file = "password"\n`);
  return config;
}

/** Sets the stage. Rejects with `ERR_DBUS_DAEMON_MISSING`, `ERR_BUS_…` or `ERR_DEMO_PACKAGES`, and leaves nothing behind then. */
export async function setStage(): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'mailpush-demo-'));
  let bus: PrivateBus | undefined;
  let mail: MailServer | undefined;
  const clear = async (): Promise<void> => {
    await Promise.allSettled([bus?.stop(), mail?.stop()]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    bus = await startPrivateBus({ directory: join(directory, 'bus') });
    mail = await startMailServer({ users: [user] });
    for (const { raw, flags, date } of ordinaryMail) mail.append(user.address, 'INBOX', raw, { flags, date });
    // The state of this device must not hold what is shown, so that the system bus has nobody on it who knows.
    const environment = { DBUS_SESSION_BUS_ADDRESS: bus.address, DBUS_SYSTEM_BUS_ADDRESS: bus.address };
    const config = await writeConfig(directory, mail);
    return {
      directory,
      mail,
      bus,
      startDaemon: () =>
        startLineProcess({
          name: 'daemon',
          args: [program, 'daemon', '--config', config, '--state-dir', join(directory, 'state')],
          environment,
          from: 'stderr',
        }),
      startApp: () => startLineProcess({ name: 'app', args: [app], environment, from: 'stdout' }),
      clear,
    };
  } catch (error) {
    await clear();
    throw error;
  }
}
