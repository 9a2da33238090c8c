import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { MailpushError } from '../errors.js';
import { armorPrivateKey, createSender, generateKey, type Sender } from '../sender/index.js';
import { type Line, type LineProcess, startLineProcess } from './line-process.js';
import { type MailServer, startMailServer } from './mail-server.js';
import { createNarrator, type Narrator } from './narrator.js';
import { ordinaryMail } from './ordinary-mail.js';
import { type PrivateBus, startPrivateBus } from './private-bus.js';

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** Leave everything running until `signal` is aborted, and say how to push to it. */
  readonly keep: boolean;
}

const user = { address: 'alice@example.org', password: 'secret' };
const appServer = 'push@app.example';
const messages = ['Hello from the app server', 'Each push is a mail that only the app can read', 'Grüße 👋'];
const command = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const app = fileURLToPath(new URL('./app.js', import.meta.url));

interface Stage {
  readonly directory: string;
  readonly mail: MailServer;
  readonly bus: PrivateBus;
  readonly environment: Readonly<Record<string, string>>;
}

const isEvent =
  (name: string) =>
  (line: Line): boolean =>
    line.event === name;

async function writeConfig({ directory, mail }: Pick<Stage, 'directory' | 'mail'>): Promise<string> {
  const config = join(directory, 'config.toml');
  const imap = `imap://${encodeURIComponent(user.address)}@${mail.imap.host}:${mail.imap.port}`;
  await writeFile(join(directory, 'password'), `${user.password}\n`, { mode: 0o600 });
  await writeFile(config, `[account]\naddress = "${user.address}"\nimap = "${imap}"\npassword_file = "password"\n`);
  return config;
}

async function startDaemon(stage: Stage, tell: Narrator): Promise<LineProcess> {
  const config = await writeConfig(stage);
  const state = join(stage.directory, 'state');
  const daemon = startLineProcess({
    name: 'daemon',
    args: [command, 'daemon', '--config', config, '--state-dir', state],
    environment: stage.environment,
    from: 'stderr',
  });
  await daemon.next(isEvent('daemon.ready'));
  tell.step('daemon', `process ${daemon.pid} owns org.unifiedpush.Distributor.mailpush on the bus`);
  await daemon.next(isEvent('imap.connected'));
  tell.step('mailbox', 'open over one IMAP connection, idling');
  return daemon;
}

async function startApp(
  stage: Stage,
  daemon: LineProcess,
  tell: Narrator,
): Promise<{ app: LineProcess; endpoint: string }> {
  const started = startLineProcess({ name: 'app', args: [app], environment: stage.environment, from: 'stdout' });
  await daemon.next(isEvent('app.registered'));
  tell.step('registered', `app process ${started.pid}, over D-Bus as org.example.DemoApp`);
  const { endpoint } = await started.next(isEvent('endpoint'));
  tell.step('endpoint', `${String(endpoint).slice(0, 50)}… (${String(endpoint).length} bytes)`);
  return { app: started, endpoint: String(endpoint) };
}

async function push(
  text: string,
  sender: Sender,
  endpoint: string,
  processes: { daemon: LineProcess; app: LineProcess },
  tell: Narrator,
): Promise<void> {
  const { daemon, app: receiver } = processes;
  const receipt = sender
    .send(endpoint, text)
    .then(({ smtpResponse }) =>
      tell.step('mail sent', `${appServer} → ${user.address}, the server said ${smtpResponse}`),
    );
  const seen = await daemon.next(isEvent('push.found'));
  tell.step('mail seen', `by its Email-Notify header, UID ${seen.uid}`);
  const { signer } = await daemon.next(isEvent('push.verified'));
  tell.step('decrypted', `and verified: signed by ${appServer}, key ${String(signer).slice(0, 16)}…`);
  const message = await receiver.next(isEvent('message'));
  tell.step('delivered', `the app has “${message.text}”`);
  await daemon.next(isEvent('push.removed'));
  tell.step('removed', 'the push mail is out of the mailbox');
  await receipt;
  if (message.text !== text) throw new MailpushError('ERR_DEMO_FAILED', 'The app got another text than was sent.');
}

/** Prints every message that comes until the signal is aborted. */
async function keepRunning(
  stage: Stage,
  keyFile: string,
  endpoint: string,
  receiver: LineProcess,
  tell: Narrator,
  signal: AbortSignal,
): Promise<void> {
  const endpointFile = join(stage.directory, 'endpoint');
  await writeFile(endpointFile, `${endpoint}\n`, { mode: 0o600 });
  const { host, port } = stage.mail.smtp;
  const path = relative(process.cwd(), command);
  const program = path.startsWith('..') ? command : path;
  tell.title('It stays there until you press Ctrl-C. Push to it from another terminal:');
  tell.line(
    `echo Hello | node ${program} send @${endpointFile} --smtp smtp://${host}:${port} --from ${appServer} --key ${keyFile}`,
  );
  tell.title('The endpoint:');
  tell.line(endpoint);
  tell.title('What arrives:');
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  for (;;) {
    const message = await Promise.race([receiver.next(isEvent('message')), stopped]);
    if (message === undefined) return;
    tell.step('delivered', String(message.text));
  }
}

async function perform(stage: Stage, { keep }: DemoOptions, tell: Narrator, signal: AbortSignal): Promise<void> {
  const key = await generateKey({ address: appServer, now: Date.now() });
  const { host, port } = stage.mail.smtp;
  const sender = createSender({ smtp: `smtp://${host}:${port}`, from: appServer, key });
  let daemon: LineProcess | undefined;
  let receiver: LineProcess | undefined;
  try {
    daemon = await startDaemon(stage, tell);
    const started = await startApp(stage, daemon, tell);
    receiver = started.app;
    for (const [index, text] of messages.entries()) {
      tell.title(`Push ${index + 1}`);
      await push(text, sender, started.endpoint, { daemon, app: receiver }, tell);
    }
    if (keep) {
      const keyFile = join(stage.directory, 'app-server.asc');
      await writeFile(keyFile, armorPrivateKey(key), { mode: 0o600 });
      await keepRunning(stage, keyFile, started.endpoint, receiver, tell, signal);
    }
  } finally {
    await Promise.allSettled([sender.close(), receiver?.stop(), daemon?.stop()]);
  }
}

function compare(stage: Stage, before: ReturnType<MailServer['snapshot']>, tell: Narrator): void {
  tell.title('The mailbox afterwards');
  if (!isDeepStrictEqual(stage.mail.snapshot(user.address), before)) {
    throw new MailpushError('ERR_DEMO_FAILED', 'The ordinary mail is not what it was: please report this.');
  }
  tell.step('untouched', `${ordinaryMail.length} ordinary letters: same UIDs, flags and dates, the same byte for byte`);
  const { mostOpen: most } = stage.mail.imapConnections();
  tell.step('connections', `${most} IMAP connection at any time`);
}

/**
 * Shows the main job on real parts: an embedded mail server, a private bus, the daemon and an app as processes of their own.
 *
 * Rejects with `ERR_DEMO_PACKAGES`, `ERR_DBUS_DAEMON_MISSING`, or `ERR_DEMO_FAILED` when something is not as it should be.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const tell = createNarrator(process.stdout);
  const directory = await mkdtemp(join(tmpdir(), 'mailpush-demo-'));
  let mail: MailServer | undefined;
  let bus: PrivateBus | undefined;
  try {
    tell.title('mailpush: push notifications over a mailbox');
    mail = await startMailServer({ users: [user] });
    for (const { raw, flags, date } of ordinaryMail) mail.append(user.address, 'INBOX', raw, { flags, date });
    const before = mail.snapshot(user.address);
    tell.step(
      'mail server',
      `IMAP on ${mail.imap.port}, SMTP on ${mail.smtp.port}; ${user.address} has ${ordinaryMail.length} ordinary letters`,
    );
    bus = await startPrivateBus({ directory: join(directory, 'bus') });
    tell.step('bus', `a D-Bus session of our own, process ${bus.pid}`);
    const stage: Stage = { directory, mail, bus, environment: { DBUS_SESSION_BUS_ADDRESS: bus.address } };
    await perform(stage, options, tell, signal);
    compare(stage, before, tell);
  } finally {
    await Promise.allSettled([bus?.stop(), mail?.stop()]);
    await rm(directory, { recursive: true, force: true });
  }
}
