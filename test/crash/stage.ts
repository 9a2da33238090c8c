import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Line, type LineProcess, startLineProcess } from '../../src/demo/line-process.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import type { MailServerOfSuite, TestMailServer } from '../mail-servers/index.js';
import { daemonCommand, writeConfig } from '../system/setting.js';
import { connectRawImap, type RawImap } from '../tools/raw-imap.js';
import { makeTemporaryDirectory } from '../tools/temporary-directory.js';
import { type EffectMoment, isQuiet, openEffects, readEffects } from './effects.js';

const crashPoint = new URL('crash-point.js', import.meta.url).href;

/** A mail server and a bus on which one run follows the other. */
export interface Stage {
  readonly server: TestMailServer;
  readonly bus: PrivateBus;
  /** How many runs there were. */
  runs: number;
  /** Waits until none of these UIDs is in INBOX. */
  untilGone(uids: readonly number[]): Promise<void>;
  /** A daemon without any state, to be started by its first scene, and by itself whenever it is killed. */
  prepareDaemon(crashAt: CrashPlan): Promise<StubbornDaemon>;
  stop(): Promise<void>;
}

/** Where to kill the daemon in each scene, and the one that follows it in the same scene; see `crash-point.js`. */
export type CrashPlan = Readonly<Record<string, readonly string[]>>;

/** A daemon and those that follow it. */
export interface StubbornDaemon {
  readonly stateDirectory: string;
  /** Begins a scene, the daemon with the first. To be called when the daemon is quiet. */
  scene(name: string): void;
  /** What each daemon has done; all but the last were killed. */
  lives(): readonly (readonly EffectMoment[])[];
  /** Resolves when the daemon idles and has nothing else to do. */
  quiet(): Promise<void>;
  /** Resolves when a daemon has logged this event, since the start of the first. */
  logged(event: string): Promise<void>;
  /** Ends it for good, by SIGTERM; rejects if it was not able to start again. */
  stop(): Promise<void>;
}

/** What is waited for comes within milliseconds, unless the machine is busy. */
const patienceMs = 30_000;
const pauseMs = 20;

/** Waits for something that nobody announces. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`In vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Sets up a mail server, its configuration and a bus. */
export async function createStage(kind: MailServerOfSuite): Promise<Stage> {
  const server = await kind.start();
  const directory = await makeTemporaryDirectory();
  const config = await writeConfig(directory.path, server);
  const bus = await startPrivateBus({ directory: join(directory.path, 'bus') });
  let watcher: RawImap | undefined;

  async function watch(): Promise<RawImap> {
    if (watcher === undefined) {
      const { user, password } = server.imap;
      watcher = await connectRawImap(server.imap);
      await watcher.command(`LOGIN "${user}" "${password}"`);
      await watcher.command('EXAMINE INBOX');
    }
    return watcher;
  }

  const stage: Stage = {
    server,
    bus,
    runs: 0,
    untilGone: async (uids) => {
      await until(`UID ${uids} is out of INBOX`, async () => {
        const imap = await watch();
        try {
          await imap.command('NOOP');
          const lines = await imap.command(`UID SEARCH UID ${uids}`);
          return !lines.some((line) => /^\* SEARCH \d/.test(line));
        } catch {
          // Mail servers end connections now and then.
          watcher = undefined;
          return false;
        }
      });
    },
    prepareDaemon: async (crashAt) => {
      stage.runs += 1;
      const place = join(directory.path, `run-${stage.runs}`);
      await mkdir(place);
      return prepareStubbornDaemon(place, config, bus, crashAt);
    },
    stop: async () => {
      watcher?.close();
      await bus.stop();
      await directory.remove();
    },
  };
  return stage;
}

function prepareStubbornDaemon(place: string, config: string, bus: PrivateBus, crashPlan: CrashPlan): StubbornDaemon {
  const stateDirectory = join(place, 'state');
  const sceneFile = join(place, 'scene.json');
  const lines: Line[] = [];
  let current = '';
  let killedInScene = 0;
  let starts = 0;
  let isEnding = false;
  let failure: unknown;
  let daemon: LineProcess | undefined;

  const effectsFile = (start: number): string => join(place, `effects-${start}`);

  function start(): void {
    starts += 1;
    const started = startLineProcess({
      name: 'daemon',
      args: ['--import', crashPoint, daemonCommand, 'daemon', '--config', config, '--state-dir', stateDirectory],
      environment: {
        DBUS_SESSION_BUS_ADDRESS: bus.address,
        // Nobody there tells about batteries; without a bus it would knock again and again.
        DBUS_SYSTEM_BUS_ADDRESS: bus.address,
        MAILPUSH_EFFECTS: effectsFile(starts),
        MAILPUSH_SCENE: sceneFile,
      },
      from: 'stderr',
    });
    daemon = started;
    const keep = (line: Line): boolean => {
      lines.push(line);
      return false;
    };
    started.next(keep).catch((error: unknown) => started.ended.then((end) => ended(end, error)));
  }

  function ended(end: number | NodeJS.Signals, error: unknown): void {
    if (isEnding) return;
    const last = readEffects(effectsFile(starts)).at(-1);
    if (end !== 'SIGKILL' || last?.moment !== 'killed') {
      failure = error;
      return;
    }
    killedInScene += 1;
    setScene();
    start();
  }

  function setScene(): void {
    writeFileSync(sceneFile, JSON.stringify({ scene: current, crashAt: crashPlan[current]?.[killedInScene] }));
  }

  function check(): void {
    if (failure !== undefined) throw failure;
  }

  return {
    stateDirectory,
    scene: (name) => {
      current = name;
      killedInScene = 0;
      setScene();
      if (daemon === undefined) start();
    },
    lives: () => Array.from({ length: starts }, (_, index) => readEffects(effectsFile(index + 1))),
    quiet: async () => {
      try {
        // Twice in a row, because what follows from the last effect may not have begun yet.
        let before = -1;
        await until('the daemon has nothing to do', () => {
          check();
          const effects = readEffects(effectsFile(starts));
          const isStill = isQuiet(effects) && effects.length === before;
          before = effects.length;
          return isStill;
        });
      } catch (error) {
        const effects = readEffects(effectsFile(starts));
        const last = effects.slice(-5).map(({ moment, name }) => `${moment} ${name}`);
        throw new Error(`${String(error)} Not ended: ${openEffects(effects)}. Last: ${last.join('; ')}.`);
      }
    },
    logged: async (event) => {
      await until(`a daemon logs ${event}`, () => {
        check();
        return lines.some((line) => line.event === event);
      });
    },
    stop: async () => {
      isEnding = true;
      check();
      await daemon?.stop();
    },
  };
}
