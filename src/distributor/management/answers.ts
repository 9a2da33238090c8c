import type { Bus } from '../../dbus/index.js';
import type { ImapAccount } from '../../imap/index.js';
import type { Runtime } from '../../runtime.js';
import type { Channels } from '../channels.js';
import type { Device } from '../device/index.js';
import type { GatewayClient } from '../gateway-client/index.js';
import type { Health } from '../health.js';
import { shortChannel } from '../journal.js';
import type { PostRoom } from '../post-room.js';
import type { Registration } from '../store/index.js';
import type { Tally } from '../tally.js';
import { type AppNote, noteOf, type Presence } from './app-note.js';
import { fitting } from './fitting.js';
import type { Answers } from './interface.js';
import type { AppStatus, Problem, Status, Waiting } from './status.js';
import { addWaiting, nothingWaits, sumOf, waitingOf } from './waiting.js';

/** Everything that a status is put together from. */
export interface AnswersOptions {
  readonly version: string;
  readonly address: string;
  readonly account: Pick<ImapAccount, 'host' | 'port' | 'folder'>;
  readonly bus: Pick<Bus, 'listNames' | 'listActivatableNames'>;
  readonly channels: Pick<Channels, 'all' | 'live' | 'draining' | 'get'>;
  readonly room: Pick<PostRoom, 'summary'>;
  readonly health: Pick<Health, 'troubles' | 'line'>;
  readonly device: Pick<Device, 'describe'>;
  readonly gateway: Pick<GatewayClient, 'report' | 'note'>;
  readonly tally: Pick<Tally, 'of' | 'total' | 'refusals' | 'lastDeliveredTo'>;
  readonly runtime: Runtime;
}

/** A registration, what is to be shown of it, and what is wrong with it. */
interface Described {
  readonly app: AppStatus;
  readonly problem: Problem | undefined;
}

/** The bus answers at once or hangs; a status without its word is better than none. */
const busMs = 2_000;
const maxListedInStatus = 100;
const maxAppProblems = 100;

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

/** Makes the answers; the daemon's start is now. */
export function createAnswers(options: AnswersOptions): Answers {
  const { version, address, account, bus, channels, room, health, device, tally, gateway, runtime } = options;
  const startedAt = iso(runtime.now());

  const waitingIn = (channel: string): Waiting => {
    const summary = room.summary(channel);
    return summary === undefined ? nothingWaits : waitingOf(summary);
  };

  /** How the bus sees apps; asked only when it matters. */
  async function askBus(): Promise<(service: string) => Presence> {
    const open = [...channels.live(), ...channels.draining()];
    const isNeeded = open.some(({ channel }) => room.summary(channel)?.unreachable !== undefined);
    if (!isNeeded) return () => 'unknown';
    const answered = new AbortController();
    try {
      const names = Promise.all([bus.listNames(), bus.listActivatableNames()]);
      const late = runtime.sleep(busMs, answered.signal).then(() => undefined);
      late.catch(() => {});
      const known = await Promise.race([names, late]);
      if (known === undefined) return () => 'unknown';
      const [running, startable] = known.map((list) => new Set(list));
      return (service) => (running?.has(service) ? 'running' : startable?.has(service) ? 'startable' : 'absent');
    } catch {
      return () => 'unknown';
    } finally {
      answered.abort();
    }
  }

  function note(channel: string, presence: Presence): AppNote | undefined {
    const summary = room.summary(channel);
    if (summary === undefined) return undefined;
    const counts = tally.of(channel);
    return noteOf({ waiting: waitingOf(summary), summary, counts, presence, now: runtime.now() });
  }

  /** The channels that this one has replaced, by service and token. */
  function drainingInto(): (registration: Registration) => readonly string[] {
    const nameOf = ({ service, token }: Registration): string => JSON.stringify([service, token]);
    const draining = new Map<string, string[]>();
    for (const one of channels.draining()) {
      draining.set(nameOf(one), [...(draining.get(nameOf(one)) ?? []), one.channel]);
    }
    return (registration) => draining.get(nameOf(registration)) ?? [];
  }

  function describe(registration: Registration, drains: readonly string[], presence: Presence): Described {
    const { service, description, channel, registeredAt, pin, sender, next } = registration;
    const all = [channel, ...drains];
    const waiting = all.map(waitingIn).reduce(addWaiting);
    // What is wrong with the current endpoint matters most.
    const noted = all.map((one) => note(one, presence)).find((one) => one !== undefined);
    const lastPushAt = Math.max(...all.map((one) => tally.of(one).lastDeliveredAt ?? 0)) || undefined;
    const app: AppStatus = {
      service,
      description,
      channel: shortChannel(channel),
      registeredAt: iso(registeredAt),
      sender: pin?.fingerprint ?? sender,
      next: next?.fingerprint ?? null,
      open: sumOf(waiting),
      waiting,
      draining: drains.length,
      lastPushAt: isoOrNull(lastPushAt),
      // Whoever has no endpoint gets no pushes, whatever else there may be to say.
      note: gateway.note(channel) ?? noted?.sentence ?? null,
    };
    if (noted?.wrongSince === undefined) return { app, problem: undefined };
    const sentence = `${service}: ${noted.sentence}`;
    return { app, problem: { source: `app:${service}`, since: iso(noted.wrongSince), sentence } };
  }

  async function describeAll(): Promise<Described[]> {
    const presence = await askBus();
    const drainsOf = drainingInto();
    const described = channels
      .live()
      .map((registration) => describe(registration, drainsOf(registration), presence(registration.service)));
    // What needs attention comes first, and is the last to be left out.
    const weight = ({ app, problem }: Described): number => (problem === undefined ? 0 : 1e9) + app.open;
    return described.sort((a, b) => weight(b) - weight(a) || (a.app.service < b.app.service ? -1 : 1));
  }

  function problemsOf(described: readonly Described[]): Problem[] {
    const bySentence = new Map<string, Problem>();
    for (const { problem } of described) {
      if (problem === undefined) continue;
      const known = bySentence.get(problem.sentence);
      if (known === undefined || problem.since < known.since) bySentence.set(problem.sentence, problem);
    }
    const troubles = health.troubles().map((trouble) => ({ ...trouble, since: iso(trouble.since) }));
    return [...troubles, ...[...bySentence.values()].slice(0, maxAppProblems)];
  }

  function lineNow(): Status['line'] {
    const line = health.line();
    const since = iso(line.since);
    const idle = line.state === 'connected' ? line.canIdle : null;
    return { state: line.state, since, idle, retryAt: line.state === 'waiting' ? iso(line.retryAt) : null };
  }

  function gatewayNow(): Status['gateway'] {
    const report = gateway.report();
    if (report === undefined) return null;
    const { url, state, since, grantExpires, sealed, unsealed } = report;
    return { url, state, since: isoOrNull(since), grantExpires: isoOrNull(grantExpires), sealed, unsealed };
  }

  function lastPush(): Status['lastPush'] {
    const at = tally.total().lastDeliveredAt;
    if (at === undefined || tally.lastDeliveredTo === undefined) return null;
    const { service = '', description = '' } = channels.get(tally.lastDeliveredTo) ?? {};
    return { at: iso(at), service, description };
  }

  return {
    status: async () => {
      const described = await describeAll();
      const noteworthy = described.filter(({ app }) => app.open > 0 || app.note !== null).map(({ app }) => app);
      const apps = fitting(noteworthy, maxListedInStatus);
      const ofApps = channels.all().filter(({ purpose }) => purpose === 'app');
      const waiting = ofApps.reduce((sum, { channel }) => addWaiting(sum, waitingIn(channel)), nothingWaits);
      const { ended, unreadable } = tally.total();
      const through = gatewayNow();
      return {
        version,
        startedAt,
        account: { address, server: account.host, port: account.port, folder: account.folder },
        endpoints: through === null ? 'mailto' : 'gateway',
        gateway: through,
        line: lineNow(),
        device: device.describe(),
        lastPush: lastPush(),
        open: sumOf(waiting),
        waiting,
        sinceStart: { ...ended, leftUntouched: unreadable },
        refusals: tally.refusals(),
        registrations: described.length,
        apps,
        omitted: noteworthy.length - apps.length,
        problems: problemsOf(described),
      };
    },
    apps: async () => {
      const all = (await describeAll()).map(({ app }) => app);
      const apps = fitting(all, all.length);
      return { apps, omitted: all.length - apps.length };
    },
  };
}
