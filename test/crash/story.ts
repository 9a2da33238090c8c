import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { snapshot } from '../system/ordinary-mail.js';
import { channelOf } from '../system/setting.js';
import type { EffectMoment } from './effects.js';
import { type EndState, endStateOf, type HeardMessages, heardMessages } from './end-state.js';
import { createPushWriter, type PushWriter } from './push-mail.js';
import { type CrashPlan, type Stage, type StubbornDaemon, until } from './stage.js';

/** Both app servers; making keys takes time, so they are the same in every run. */
export interface AppServers {
  readonly writer: PushWriter;
  readonly intruder: PushWriter;
}

/** Makes the app servers. */
export async function createAppServers(): Promise<AppServers> {
  const [writer, intruder] = await Promise.all([
    createPushWriter('push@app.example'),
    createPushWriter('intruder@app.example'),
  ]);
  return { writer, intruder };
}

/** A run of the story. */
export interface Run {
  readonly end: EndState;
  readonly heard: HeardMessages;
  /** What each daemon did; all but the last were killed. */
  readonly lives: readonly (readonly EffectMoment[])[];
}

/** What happens, in this order. The daemon is quiet before the next scene begins. */
export const scenes = [
  'it starts for the first time',
  'an app registers and gets its first pushes',
  'the user gets a letter, the app a push, and the same push again',
  'a stranger pushes, and somebody does too late',
  'an older push of a topic comes, and the app unregisters',
] as const;

/** After all of them: the next push arrives. */
const probe = 'the end';

const service = 'org.example.App';
const minuteMs = 60_000;

/** Registers until there is an endpoint, as apps do that are started again and again. */
async function register(app: BusApp, daemon: StubbornDaemon, token: string): Promise<string> {
  await until(`${token} has an endpoint`, async () => {
    const lives = daemon.lives().length;
    const reply = await app.register2({ service, token }).catch(() => undefined);
    if (reply?.success !== 'REGISTRATION_SUCCEEDED') return false;
    await until('the endpoint or another daemon', () => {
      return app.endpoints(token).length > 0 || daemon.lives().length > lives;
    });
    await daemon.quiet();
    return app.endpoints(token).length > 0;
  });
  return app.endpoints(token)[0] ?? '';
}

/** Unregisters until that is confirmed. */
async function unregister(app: BusApp, daemon: StubbornDaemon, token: string): Promise<void> {
  const isConfirmed = (): boolean => app.heard.some(({ member }) => member === 'Unregistered');
  await until(`${token} is unregistered`, async () => {
    const lives = daemon.lives().length;
    const isAnswered = await app.unregister(token).then(
      () => true,
      () => false,
    );
    if (!isAnswered) return false;
    await until('the confirmation or another daemon', () => isConfirmed() || daemon.lives().length > lives);
    await daemon.quiet();
    return isConfirmed();
  });
}

/**
 * Plays everything that can happen to a push, one thing after the other, from the first start of a daemon on. It is killed
 * where `crashes` says, and started again by itself; whatever the world around it does is the same.
 */
export async function play(stage: Stage, { writer, intruder }: AppServers, crashes: CrashPlan = {}): Promise<Run> {
  const { server, bus } = stage;
  const append = (raw: Uint8Array | string, flags: readonly string[] = []): Promise<number> =>
    server.append('INBOX', Buffer.from(raw), { flags, date: new Date('2026-10-01T10:00:00Z') });
  await append('Subject: before\r\n\r\nMarked as deleted by the user.\r\n', ['\\Deleted']);
  const before = await snapshot(server);
  const app = await startBusApp(bus.address, { protocol: 2, service });
  const daemon = await stage.prepareDaemon(crashes);
  try {
    daemon.scene(scenes[0]);
    await daemon.quiet();
    daemon.scene(scenes[1]);
    const endpoint = await register(app, daemon, 'token');
    const letter = `Email-Notify: v=1; c=${channelOf(endpoint)}\r\nSubject: between\r\n\r\nA letter.\r\n`;

    /** Puts mails into the mailbox and waits until the daemon is through with them. */
    async function take(...mails: readonly Uint8Array[]): Promise<void> {
      const uids: number[] = [];
      for (const mail of mails) uids.push(await append(mail));
      await stage.untilGone(uids);
      await daemon.quiet();
    }

    const early = await append(await writer.write(endpoint, 'without key', { handshake: false }));
    await daemon.logged('push.waiting-for-key');
    await daemon.quiet();
    await take(await writer.write(endpoint, 'with key', { topic: 'score' }));
    await stage.untilGone([early]);
    await daemon.quiet();
    daemon.scene(scenes[2]);
    await append(letter, ['\\Deleted', '\\Flagged']);
    await daemon.logged('push.unreadable');
    await daemon.quiet();
    const copied = await writer.write(endpoint, 'copied', { handshake: false });
    await take(copied);
    await take(copied);
    daemon.scene(scenes[3]);
    await take(await intruder.write(endpoint, 'of another sender'));
    await take(await writer.write(endpoint, 'expired', { ttl: 0, ageMs: 30 * minuteMs }));
    daemon.scene(scenes[4]);
    await take(await writer.write(endpoint, 'overtaken', { topic: 'score', ageMs: minuteMs }));
    await unregister(app, daemon, 'token');
    await take(await writer.write(endpoint, 'late'));
    daemon.scene(probe);
    const next = await register(app, daemon, 'next');
    await append('Subject: after\r\n\r\nx\r\n', ['\\Seen']);
    await take(await writer.write(next, 'next'));
    await daemon.stop();
    const end = await endStateOf({ server, before, app, stateDirectory: daemon.stateDirectory });
    return { end, heard: heardMessages(app), lives: daemon.lives() };
  } finally {
    await daemon.stop().catch(() => {});
    await app.close();
  }
}
