import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { createManualTime } from '../../../test/tools/manual-time.js';
import { readFences } from '../../../test/tools/markdown-fences.js';
import { registrationWith } from '../../../test/tools/registration.js';
import { generateKey, serializePrivateKey } from '../../crypto/index.js';
import { createChannels } from '../channels.js';
import { type ChannelSummary, initialChannelState, nobody, summarize } from '../delivery/index.js';
import { createHealth, troubleSources } from '../health.js';
import type { Registration } from '../store/index.js';
import { createTally } from '../tally.js';
import { type AnswersOptions, createAnswers } from './answers.js';
import { appListSchema, statusSchema } from './status.js';

const now = Date.UTC(2026, 0, 1, 12);
const address = 'alice@example.org';
const key = serializePrivateKey(await generateKey({ address, now }));
const account = { host: 'mail.example.org', port: 993, folder: 'INBOX' };

function registrationOf(index: number, change: Partial<Registration> = {}): Registration {
  return registrationWith({
    channel: String(index).padStart(27, 'c'),
    token: `{secret-${index}}`,
    service: `org.example.App${index}`,
    description: `App ${index}`,
    address,
    registeredAt: now,
    key,
    ...change,
  });
}

const nothing = summarize(initialChannelState({ trust: nobody, retired: false, keepRejected: false }), 0);
const deviceReport = {
  power: 'unknown',
  network: 'unknown',
  minimumUrgency: 'very-low',
  why: 'Nothing is held.',
} as const;
const gone: Partial<ChannelSummary> = { deliverable: 1, unreachable: { since: now, retryAt: now } };

/** Answers about these registrations, the pushes of which stand as `summaries` say by service. */
function createSetting(
  registrations: readonly Registration[],
  summaries: Record<string, Partial<ChannelSummary>> = {},
  gateway: AnswersOptions['gateway'] = { report: () => undefined, note: () => undefined },
) {
  const time = createManualTime();
  const { runtime } = time;
  const health = createHealth(runtime);
  const tally = createTally(runtime);
  const channels = createChannels(registrations);
  const bus = { names: async (): Promise<string[]> => [], startable: async (): Promise<string[]> => [] };
  const answers = createAnswers({
    version: '1.2.3',
    address,
    account,
    bus: { listNames: () => bus.names(), listActivatableNames: () => bus.startable() },
    channels,
    room: { summary: (channel) => ({ ...nothing, ...summaries[channels.get(channel)?.service ?? ''] }) },
    health,
    device: { describe: () => deviceReport },
    tally,
    gateway,
    runtime,
  });
  return { answers, bus, channels, health, tally, time };
}

describe('the status', () => {
  it('of a daemon that has just been started has nothing in it but its account', async () => {
    const status = await createSetting([]).answers.status();
    expect(status).toMatchObject({
      version: '1.2.3',
      startedAt: '2026-01-01T12:00:00.000Z',
      account: { address, server: 'mail.example.org', port: 993, folder: 'INBOX' },
      line: { state: 'connecting', since: '2026-01-01T12:00:00.000Z', idle: null, retryAt: null },
      lastPush: null,
      open: 0,
      registrations: 0,
      apps: [],
      problems: [],
    });
  });

  it('counts what is open, of ended registrations too, and lists the apps it is for', async () => {
    const ended = registrationOf(3, { retiredAt: now });
    const { answers } = createSetting([registrationOf(1), registrationOf(2), ended], {
      'org.example.App1': { waitingForKey: 2, held: 1 },
      'org.example.App3': { ending: 4 },
    });
    const status = await answers.status();
    expect(status).toMatchObject({ open: 7, waiting: { key: 2, urgency: 1, removal: 4 }, registrations: 2 });
    expect(status.apps).toMatchObject([{ service: 'org.example.App1', open: 3, waiting: { key: 2, urgency: 1 } }]);
  });

  it('counts with an app what comes for endpoints that it had before, and grants with nothing', async () => {
    const old = registrationOf(2, { token: '{secret-1}', service: 'org.example.App1', replacedAt: now });
    const others = registrationOf(3, { service: 'org.example.App1', replacedAt: now });
    const control = registrationOf(4, { purpose: 'grant', service: '', token: '' });
    const known = [registrationOf(1), old, others, control];
    const { answers, tally } = createSetting(known, { 'org.example.App1': { held: 1 }, '': { unopened: 5 } });
    tally.ended(old.channel, { kind: 'delivered', id: '1', rememberUntil: 0 });
    const app = { service: 'org.example.App1', open: 2, waiting: { urgency: 2 }, draining: 1 };
    const lastPushAt = '2026-01-01T12:00:00.000Z';
    expect((await answers.apps()).apps).toMatchObject([{ ...app, channel: 'cccccc', lastPushAt }]);
    expect(await answers.status()).toMatchObject({
      open: 3,
      registrations: 1,
      lastPush: { service: 'org.example.App1' },
    });
  });

  it('says what is wrong with an endpoint from before if nothing is with the one of now', async () => {
    const old = registrationOf(2, { token: '{secret-1}', service: 'org.example.App1', replacedAt: now });
    const { answers, tally } = createSetting([registrationOf(1), old]);
    tally.ended(old.channel, { kind: 'refused', reason: 'It is not signed.' });
    const [app] = (await answers.apps()).apps;
    expect(app?.note).toMatch(/^Its last push was refused\. It is not signed\./);
    expect((await answers.status()).problems).toHaveLength(1);
  });

  it('names the app that got the last push, and how pushes ended', async () => {
    const [first] = [registrationOf(1)];
    const { answers, tally, time, channels } = createSetting([first]);
    tally.ended(first.channel, { kind: 'delivered', id: '1', rememberUntil: 0 });
    time.pass(1000);
    tally.ended(first.channel, { kind: 'expired' });
    expect(await answers.status()).toMatchObject({
      lastPush: { at: '2026-01-01T12:00:00.000Z', service: 'org.example.App1', description: 'App 1' },
      sinceStart: { delivered: 1, expired: 1, refused: 0 },
      apps: [],
    });
    channels.delete(first.channel);
    expect(await answers.status()).toMatchObject({ lastPush: { service: '', description: '' } });
  });

  it('says of an app that is not there whether the bus can start it', async () => {
    const { answers, bus } = createSetting(
      [1, 2, 3].map((index) => registrationOf(index)),
      {
        'org.example.App1': gone,
        'org.example.App2': gone,
        'org.example.App3': gone,
      },
    );
    bus.names = async () => ['org.example.App1'];
    bus.startable = async () => ['org.example.App2'];
    const { problems } = await answers.status();
    expect(problems.map(({ source, sentence }) => [source, sentence])).toEqual([
      ['app:org.example.App1', expect.stringMatching(/^org\.example\.App1: It does not answer yet/)],
      ['app:org.example.App2', expect.stringMatching(/^org\.example\.App2: It could not be started/)],
      ['app:org.example.App3', expect.stringMatching(/^org\.example\.App3: It is not running, and the session bus/)],
    ]);
  });

  const notRunning = 'org.example.App1: It is not running: start it; its pushes are kept.';

  it('does not wait for a bus that hangs', async () => {
    const { answers, bus, time } = createSetting([registrationOf(1)], { 'org.example.App1': gone });
    bus.names = () => new Promise(() => {});
    const asked = answers.status();
    await expect.poll(() => time.sleepers()).toEqual([2000]);
    time.pass(2000);
    expect((await asked).problems).toMatchObject([{ sentence: notRunning }]);
    expect(time.sleepers()).toEqual([]);
  });

  it('is there without the word of the bus when that fails', async () => {
    const { answers, bus, time } = createSetting([registrationOf(1)], { 'org.example.App1': gone });
    bus.names = () => Promise.reject(new Error('Gone.'));
    expect((await answers.status()).problems).toMatchObject([{ sentence: notRunning }]);
    expect(time.sleepers()).toEqual([]);
  });

  it('has what is wrong with the daemon before what is wrong with apps, and each thing once', async () => {
    const twice = [registrationOf(1), registrationOf(2, { service: 'org.example.App1' })];
    const { answers, health } = createSetting(twice, { 'org.example.App1': gone });
    health.trouble('device', 'The clock is wrong: set it.');
    expect((await answers.status()).problems.map(({ source }) => source)).toEqual(['device', 'app:org.example.App1']);
  });

  it('holds no token, no whole channel and no key', async () => {
    const { answers } = createSetting([registrationOf(1)], { 'org.example.App1': gone });
    const said = JSON.stringify([await answers.status(), await answers.apps()]);
    expect(said).toContain('App 1');
    for (const secret of ['secret', registrationOf(1).channel, Buffer.from(key).toString('base64').slice(0, 20)]) {
      expect(said).not.toContain(secret);
    }
  });
});

describe('the answers about a thousand registrations', () => {
  const service = (index: number): string => `org.${'x'.repeat(240)}.A${index}`;
  // Nothing becomes longer as JSON than a control character.
  const description = '\u0001'.repeat(100);
  const thousand = [...Array(1000).keys()].map((index) =>
    registrationOf(index, { service: service(index), description, sender: 'a'.repeat(40) }),
  );
  const summaries = Object.fromEntries(thousand.map((each) => [each.service, gone]));

  it('fit into a message on the bus, and say how many do not', async () => {
    const { answers, health, tally } = createSetting(thousand, summaries);
    for (const { channel } of thousand) {
      tally.ended(channel, { kind: 'refused', reason: `${channel} ${'\u0001'.repeat(1000)}` });
      health.trouble(`app:${channel}`, '\u0001'.repeat(1000));
    }
    const [status, apps] = [await answers.status(), await answers.apps()];
    for (const answer of [status, apps]) expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(1_000_000);
    expect(status).toMatchObject({ registrations: 1000, open: 1000 });
    expect(status.apps.length + status.omitted).toBe(1000);
    expect(status.problems).toHaveLength(200);
    expect(apps.apps.length + apps.omitted).toBe(1000);
    expect(apps.apps.length).toBeGreaterThan(200);
  });

  it('have all of them when they are as apps are', async () => {
    const { answers } = createSetting([...Array(1000).keys()].map((index) => registrationOf(index)));
    expect(await answers.apps()).toMatchObject({ omitted: 0, apps: { length: 1000 } });
  });
});

const report = {
  url: 'https://push.example.org',
  state: 'waiting',
  since: now,
  grantExpires: undefined,
  sealed: 0,
  unsealed: 1,
  sentence: undefined,
} as const;

describe('with a gateway', () => {
  it('the status says how it is', async () => {
    const status = await createSetting([], {}, { report: () => report, note: () => undefined }).answers.status();
    expect(status).toMatchObject({
      endpoints: 'gateway',
      gateway: { state: 'waiting', since: new Date(now).toISOString(), grantExpires: null, sealed: 0, unsealed: 1 },
    });
  });

  it('an app without an endpoint has a note of that before all others', async () => {
    const gateway = { report: () => report, note: () => 'It has no endpoint yet.' };
    const { answers } = createSetting([registrationOf(1)], { 'org.example.App1': gone }, gateway);
    expect((await answers.apps()).apps[0]?.note).toBe('It has no endpoint yet.');
  });
});

describe('docs/management.md', () => {
  const page = readFile(new URL('../../../docs/management.md', import.meta.url), 'utf8');

  /** Every key with its path, such as `apps.waiting.key`; a list is as its first item. */
  function keysOf(value: unknown, path = ''): string[] {
    const one = Array.isArray(value) ? value[0] : value;
    if (typeof one !== 'object' || one === null) return [path];
    return Object.entries(one).flatMap(([name, inner]) => keysOf(inner, path === '' ? name : `${path}.${name}`));
  }

  /** The first column of every table whose first column has this heading. */
  async function columns(heading: string): Promise<(string | undefined)[][]> {
    const tables = (await page).split(new RegExp(`^\\| ${heading} \\|.*$`, 'm')).slice(1);
    const cells = (table: string) => [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)];
    return tables.map((table) => cells(table).map(([, cell]) => cell));
  }

  /** An answer in which every list has an item and nothing that can be there is null. */
  async function fullAnswers() {
    const registration = registrationOf(1, { sender: 'a'.repeat(40) });
    const gateway = { report: () => ({ ...report, grantExpires: now }), note: () => undefined };
    const { answers, tally, health } = createSetting([registration], { 'org.example.App1': gone }, gateway);
    tally.ended(registration.channel, { kind: 'refused', reason: 'It is not signed.' });
    tally.ended(registration.channel, { kind: 'delivered', id: '1', rememberUntil: 0 });
    health.mailbox({ type: 'connected', canIdle: true });
    return { status: await answers.status(), apps: await answers.apps() };
  }

  it('shows a status as it is, every key in its place', async () => {
    const [example] = readFences(await page).filter(({ words }) => words[0] === 'json');
    const shown: unknown = JSON.parse(example?.text ?? '');
    const { status } = await fullAnswers();
    expect(keysOf(shown)).toEqual(keysOf(status));
    expect(v.parse(statusSchema, shown)).toEqual(shown);
  });

  it('explains every key in a table, in the order of the answer', async () => {
    const { status, apps } = await fullAnswers();
    const inOrder = [status, status.waiting, apps, apps.apps[0] ?? {}].map((answer) => Object.keys(answer));
    expect(await columns('Key')).toEqual(inOrder);
    for (const key of [
      ...Object.keys(status.account),
      ...Object.keys(status.line),
      ...Object.keys(status.sinceStart),
      ...Object.keys(status.device),
    ]) {
      expect(await page).toMatch(new RegExp(`\\| .*(\`| )${key}(\`| )`));
    }
  });

  it('names every source of trouble in a table, the worst first', async () => {
    expect(await columns('Source')).toEqual([troubleSources]);
  });

  it('is what the commands check an answer against', async () => {
    const { status, apps } = await fullAnswers();
    expect(v.parse(statusSchema, { ...status, fromTheFuture: 1 })).toEqual({ ...status, fromTheFuture: 1 });
    expect(v.parse(appListSchema, apps)).toEqual(apps);
    expect(v.safeParse(statusSchema, { ...status, open: '1' }).success).toBe(false);
  });
});
