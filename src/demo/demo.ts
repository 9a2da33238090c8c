import { isDeepStrictEqual } from 'node:util';
import { MailpushError } from '../errors.js';
import { armorPrivateKey, createSender, generateKey, type Sender } from '../sender/index.js';
import { type AwaitStep, createAwaitStep } from './await-step.js';
import type { MailboxSnapshot } from './embedded-imap.js';
import { keepRunning } from './keep-running.js';
import type { LineProcess } from './line-process.js';
import { createNarrator, type Narrator } from './narrator.js';
import { ordinaryMail } from './ordinary-mail.js';
import { type Stage, setStage, user } from './stage.js';

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** Leave everything running until `signal` is aborted, and say how to push to it. */
  readonly keep: boolean;
}

const appServer = 'push@app.example';
const messages = ['Hello from the app server', 'Each push is a mail that only the app can read', 'Grüße 👋'];

async function showStart(daemon: LineProcess, step: AwaitStep, tell: Narrator): Promise<void> {
  await step(daemon, 'daemon.ready');
  tell.step('daemon', `process ${daemon.pid} owns org.unifiedpush.Distributor.mailpush on the bus`);
  await step(daemon, 'imap.connected');
  tell.step('mailbox', 'open over one IMAP connection, idling');
}

async function showRegistration(
  daemon: LineProcess,
  app: LineProcess,
  step: AwaitStep,
  tell: Narrator,
): Promise<string> {
  await step(daemon, 'app.registered');
  tell.step('registered', `app process ${app.pid}, over D-Bus as org.example.DemoApp`);
  const endpoint = String((await step(app, 'endpoint')).endpoint);
  tell.step('endpoint', `${endpoint.slice(0, 50)}… (${endpoint.length} bytes)`);
  return endpoint;
}

/** Shows what happens while a push is sent; the steps overlap, so they are told in the order of their causes. */
async function showPush(
  text: string,
  send: () => ReturnType<Sender['send']>,
  processes: { daemon: LineProcess; app: LineProcess },
  step: AwaitStep,
  tell: Narrator,
): Promise<void> {
  const { daemon, app } = processes;
  const sent = send().then(({ smtpResponse }) => {
    tell.step('mail sent', `${appServer} → ${user.address}, the server said ${smtpResponse}`);
  });
  const arrived = async (): Promise<void> => {
    const { uid } = await step(daemon, 'push.found');
    tell.step('mail seen', `by its Email-Notify header, UID ${uid}`);
    const { signer } = await step(daemon, 'push.verified');
    tell.step('decrypted', `and verified: signed by ${appServer}, key ${String(signer).slice(0, 16)}…`);
    const message = await step(app, 'message');
    tell.step('delivered', `the app has “${message.text}”`);
    await step(daemon, 'push.removed');
    tell.step('removed', 'the push mail is out of the mailbox');
    if (message.text !== text)
      throw new MailpushError('ERR_DEMO_FAILED', 'The app got another text: please report this.');
  };
  await Promise.all([sent, arrived()]);
}

async function perform(stage: Stage, { keep }: DemoOptions, tell: Narrator, signal: AbortSignal): Promise<void> {
  const step = createAwaitStep(signal);
  const key = await generateKey({ address: appServer, now: Date.now() });
  const { host, port } = stage.mail.smtp;
  const sender = createSender({ smtp: `smtp://${host}:${port}`, from: appServer, key });
  const daemon = stage.startDaemon();
  let app: LineProcess | undefined;
  try {
    await showStart(daemon, step, tell);
    app = stage.startApp();
    const endpoint = await showRegistration(daemon, app, step, tell);
    for (const [index, text] of messages.entries()) {
      tell.title(`Push ${index + 1}`);
      await showPush(text, () => sender.send(endpoint, text, { signal }), { daemon, app }, step, tell);
    }
    if (keep) {
      const open = { stage, daemon, app, endpoint, from: appServer, armoredKey: armorPrivateKey(key) };
      await keepRunning(open, tell, signal);
    }
  } finally {
    await Promise.allSettled([sender.close(), app?.stop(), daemon.stop()]);
  }
}

/** The messages that were there before; what somebody has sent since is left out. */
function only(before: MailboxSnapshot, after: MailboxSnapshot): MailboxSnapshot {
  const known = (folder: string): ReadonlySet<number> => new Set(before[folder]?.map(({ uid }) => uid));
  return Object.fromEntries(
    Object.entries(after).map(([folder, list]) => [folder, list.filter(({ uid }) => known(folder).has(uid))]),
  );
}

/** To be called when the daemon has ended, so that what it does at its end counts too. */
function compare(stage: Stage, before: MailboxSnapshot, { keep }: DemoOptions, tell: Narrator): void {
  tell.title('The mailbox afterwards');
  const after = stage.mail.snapshot(user.address);
  if (!isDeepStrictEqual(keep ? only(before, after) : after, before)) {
    throw new MailpushError('ERR_DEMO_FAILED', 'The mailbox is not what it was: please report this.');
  }
  tell.step('untouched', `${ordinaryMail.length} ordinary letters: same UIDs, flags and dates, the same byte for byte`);
  const { mostOpen: most } = stage.mail.imapConnections();
  tell.step('connections', `${most} IMAP connection at any time`);
}

/**
 * Shows the main job on real parts: an embedded mail server, a private bus, the daemon and an app as processes of their own.
 * All of it is gone when the promise settles.
 *
 * Rejects with `ERR_DEMO_PACKAGES`, `ERR_DBUS_DAEMON_MISSING`, `ERR_DEMO_FAILED` when something is not as it should be, and
 * the signal's reason when it is aborted before the last push has arrived.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const stage = await setStage();
  try {
    const tell = createNarrator(process.stdout);
    const { mail, bus } = stage;
    tell.title('mailpush: push notifications over a mailbox');
    tell.step('bus', `a D-Bus session of our own, process ${bus.pid}`);
    tell.step(
      'mail server',
      `IMAP on ${mail.imap.port}, SMTP on ${mail.smtp.port}; ${user.address} has ${ordinaryMail.length} ordinary letters`,
    );
    const before = mail.snapshot(user.address);
    await perform(stage, options, tell, signal);
    compare(stage, before, options, tell);
  } finally {
    await stage.clear();
  }
}
