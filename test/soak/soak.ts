import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Line } from '../../src/demo/line-process.js';
import { startPrivateBus } from '../../src/demo/private-bus.js';
import { createSender, generateKey } from '../../src/sender/index.js';
import { createStops, startDovecot } from '../mail-servers/dovecot.js';
import { fillMailbox, isPushMail, type Letter, snapshot } from '../system/ordinary-mail.js';
import { daemonCommand, writeConfig } from '../system/setting.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { startToxicProxy } from '../tools/toxic-proxy.js';
import { doFault, type Victim } from './faults.js';
import { createChance } from './random.js';
import { type Supervised, supervise } from './supervised.js';

/** How long a soak is, and what happens in it. */
export interface SoakOptions {
  readonly minutes: number;
  readonly pushes: number;
  /** The same seed does the same things to the same parts, though never at quite the same moment. */
  readonly seed: number;
  /** How long to wait for the last push when everything is whole again. */
  readonly drainMs: number;
  /** Told now and then how far it is. */
  readonly tell?: (progress: string) => void;
  /** Told every log line of the daemon. */
  readonly logged?: (line: Line) => void;
}

/** What came of it. */
export interface SoakResult {
  /** Pushes that the mail server has taken. */
  readonly sent: number;
  /** Those that were given up although they were tried for half a minute. */
  readonly notSent: readonly string[];
  readonly delivered: number;
  readonly lost: readonly string[];
  /** How often an app got a push once more. */
  readonly duplicates: number;
  /** Pushes that an app got under two different ids. */
  readonly otherIds: readonly string[];
  /** How often each part was killed, stopped or spoilt. */
  readonly faults: Readonly<Record<Victim, number>>;
  /** Of daemon, apps and bus: an app may get as many pushes twice. */
  readonly kills: number;
  readonly leftInMailbox: number;
  /** Ordinary mail that is there, was there, and is not any more or not as it was. */
  readonly letters: number;
  readonly changedLetters: readonly string[];
  /** How many endpoints each app had; one, over all restarts. */
  readonly endpoints: readonly number[];
  /** How the daemon ended by itself: 69 when the bus does. */
  readonly daemonEnds: readonly (number | NodeJS.Signals)[];
  readonly seconds: number;
}

const appCount = 5;
const lettersEvery = 10;

const appScript = fileURLToPath(new URL('app.js', import.meta.url));

const letterKey = (folder: string, { uid, flags, date, raw }: Letter): string =>
  JSON.stringify([folder, uid, flags, date, raw]);

/** Kills, cuts and stops everything in turn while pushes go to five apps, and looks what became of them. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, pushes, seed, drainMs, tell = () => {}, logged = () => {} } = options;
  const chance = createChance(seed);
  const begun = Date.now();
  const stops = createStops();
  try {
    const server = await startDovecot();
    stops.add(server.stop);
    await fillMailbox(server);
    const line = await startToxicProxy(server.imap);
    stops.add(line.close);
    const directory = await makeTemporaryDirectory();
    stops.add(directory.remove);
    const busDirectory = join(directory.path, 'bus');
    let bus = await startPrivateBus({ directory: busDirectory });
    stops.add(() => bus.stop());
    // Without the id of this one bus: its successor has the same address.
    const busAddress = bus.address.replace(/,guid=.*/, '');
    const imap = { ...server.imap, host: line.host, port: line.port };
    const config = await writeConfig(directory.path, { imap, address: server.address });
    const pause = (): number => chance.between(100, 600);
    const daemon = supervise(
      {
        name: 'daemon',
        args: [daemonCommand, 'daemon', '--config', config, '--state-dir', join(directory.path, 'state')],
        environment: { DBUS_SESSION_BUS_ADDRESS: busAddress, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent' },
        from: 'stderr',
      },
      pause,
      logged,
    );
    stops.add(daemon.stop);

    const endpoints: Set<string>[] = [];
    const apps: Supervised[] = [];
    const inboxOf = (app: number): string => join(directory.path, `inbox-${app}`);
    for (let app = 0; app < appCount; app += 1) {
      const known = new Set<string>();
      endpoints.push(known);
      const options = {
        name: `app ${app}`,
        args: [appScript, `org.example.App${app}`, `token ${app}`, busAddress, inboxOf(app)],
        environment: {},
        from: 'stdout',
      } as const;
      const started = supervise(options, pause, ({ endpoint }) => known.add(String(endpoint)));
      apps.push(started);
      stops.add(started.stop);
    }
    await untilSo(60_000, () => endpoints.every(({ size }) => size > 0));

    const sender = createSender({
      smtp: `smtp://${server.smtp.host}:${server.smtp.port}`,
      from: 'push@app.example',
      key: await generateKey({ address: 'push@app.example', now: Date.now() }),
      retry: { firstPauseMs: 500, longestPauseMs: 8000 },
    });
    stops.add(() => sender.close());
    const sent = new Map<string, { readonly app: number; readonly id: string }>();
    const notSent: string[] = [];
    const durationMs = minutes * 60_000;

    async function sendAll(): Promise<void> {
      const order = createChance(seed + 1);
      const sending: Promise<void>[] = [];
      const start = Date.now();
      for (let number = 0; number < pushes; number += 1) {
        const app = Math.floor(order.next() * appCount);
        const [endpoint = ''] = endpoints[app] ?? [];
        const text = `push ${number} for app ${app}`;
        await delay(Math.max(0, start + (number / pushes) * durationMs - Date.now()));
        const taken = sender.send(endpoint, text).then(
          ({ id }) => void sent.set(text, { app, id }),
          (error: unknown) => void notSent.push(`${text}: ${String(error)}`),
        );
        sending.push(taken);
      }
      await Promise.all(sending);
    }

    const faults: Record<Victim, number> = { daemon: 0, app: 0, bus: 0, line: 0, 'mail server': 0 };
    const victims = {
      daemon,
      apps,
      line,
      server,
      restartBus: async (downMs: number): Promise<void> => {
        process.kill(bus.pid, 'SIGKILL');
        await bus.stop();
        await delay(downMs);
        bus = await startPrivateBus({ directory: busDirectory });
      },
    };

    async function breakThings(until: Promise<unknown>): Promise<void> {
      let isOver = false;
      void until.then(() => {
        isOver = true;
      });
      let count = 0;
      while (!isOver) {
        await delay(chance.between(500, 3000));
        const victim = await doFault(victims, chance);
        faults[victim] += 1;
        count += 1;
        if (count % lettersEvery === 0) {
          await server.append('INBOX', Buffer.from(`Subject: letter ${count}\r\n\r\nx\r\n`), { flags: ['\\Deleted'] });
          tell(`${Math.round((Date.now() - begun) / 1000)} s: ${sent.size} of ${pushes} pushes sent, ${count} faults`);
        }
      }
    }

    const before = await lettersOf();
    const all = sendAll();
    await breakThings(all);
    await all;

    async function lettersOf(): Promise<{ readonly letters: Set<string>; readonly pushes: number }> {
      const folders = Object.entries(await snapshot(server));
      const letters = folders.flatMap(([folder, list]) =>
        list.filter((letter) => !isPushMail(letter)).map((letter) => letterKey(folder, letter)),
      );
      const pushMails = folders.flatMap(([, list]) => list.filter(isPushMail));
      return { letters: new Set(letters), pushes: pushMails.length };
    }

    async function received(): Promise<Map<string, string[]>> {
      const texts = await Promise.all(apps.map((_, app) => readFile(inboxOf(app), 'utf8').catch(() => '')));
      const messages = new Map<string, string[]>();
      for (const row of texts.join('').split('\n').filter(Boolean)) {
        const { id, text } = JSON.parse(row) as { id: string; text: string };
        messages.set(text, [...(messages.get(text) ?? []), id]);
      }
      return messages;
    }

    // Everything is whole again; the rest is up to the daemon.
    await untilSo(drainMs, async () => {
      const got = await received();
      return [...sent.keys()].every((text) => got.has(text)) && (await lettersOf()).pushes === 0;
    }).catch(() => {});
    const got = await received();
    const after = await lettersOf();
    const times = [...got.values()].map((ids) => ids.length);
    return {
      sent: sent.size,
      notSent,
      delivered: [...sent.keys()].filter((text) => got.has(text)).length,
      lost: [...sent.keys()].filter((text) => !got.has(text)),
      duplicates: times.reduce((sum, count) => sum + count - 1, 0),
      otherIds: [...got].filter(([text, ids]) => ids.some((id) => id !== sent.get(text)?.id)).map(([text]) => text),
      faults,
      kills: faults.daemon + faults.app + faults.bus,
      leftInMailbox: after.pushes,
      letters: after.letters.size,
      changedLetters: [...before.letters].filter((letter) => !after.letters.has(letter)),
      endpoints: endpoints.map(({ size }) => size),
      daemonEnds: daemon.ends,
      seconds: Math.round((Date.now() - begun) / 1000),
    };
  } finally {
    await stops.stop();
  }
}

async function untilSo(withinMs: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('It took too long.');
    await delay(200);
  }
}
