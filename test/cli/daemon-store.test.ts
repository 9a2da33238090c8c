import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MailServer } from '../../src/demo/mail-server.js';
import { createSender, generateKey, type Sender } from '../../src/sender/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { type RunningCommand, runCommand } from '../tools/run-command.js';
import { type DaemonSetting, daemonSetting, logged, mailServer, untilLogged, user } from './daemon-setting.js';

const from = 'push@app.example';

async function senderFor(mail: MailServer): Promise<Sender> {
  const key = await generateKey({ address: from, now: Date.now() });
  const sender = createSender({ smtp: `smtp://127.0.0.1:${mail.smtp.port}`, from, key });
  onTestFinished(() => sender.close());
  return sender;
}

async function appOn({ bus }: DaemonSetting, name: string): Promise<BusApp> {
  const app = await startBusApp(bus.address, { protocol: 2, service: `org.example.${name}` });
  onTestFinished(() => app.close());
  return app;
}

const register = (app: BusApp) => app.register2({ service: app.service, token: app.service });

async function endpointOf(app: BusApp): Promise<string> {
  const before = app.endpoints(app.service).length;
  expect(await register(app)).toEqual({ success: 'REGISTRATION_SUCCEEDED' });
  await expect.poll(() => app.endpoints(app.service).length).toBe(before + 1);
  return app.endpoints(app.service).at(-1) ?? '';
}

/** What `mailpush status` says is wrong, by source. */
async function problems({ bus, directory }: DaemonSetting): Promise<Record<string, string>> {
  const environment = { HOME: directory, DBUS_SESSION_BUS_ADDRESS: bus.address };
  const { stdout } = await runCommand(['status', '--json'], { environment });
  const status = JSON.parse(stdout) as { problems: { source: string; sentence: string }[] };
  return Object.fromEntries(status.problems.map(({ source, sentence }) => [source, sentence]));
}

const inbox = (mail: MailServer): readonly unknown[] => mail.snapshot(user.address).INBOX ?? [];

async function end(daemon: RunningCommand): Promise<string> {
  daemon.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;
  expect(code, stderr).toBe(0);
  return stderr;
}

const canLimit = spawnSync('prlimit', ['--version']).status === 0;

/** No file of the daemon may grow over this. */
function limitFiles(daemon: RunningCommand, bytes: string): void {
  execFileSync('prlimit', ['--pid', `${daemon.pid}`, `--fsize=${bytes}:unlimited`]);
}

describe.skipIf(!canLimit)('mailpush daemon with a full disk', () => {
  it('loses nothing, delivers nothing twice, says so, and goes on by itself when there is room', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    const sender = await senderFor(mail);
    const app = await appOn(setting, 'App');
    const endpoint = await endpointOf(app);
    await sender.send(endpoint, 'before');
    await untilLogged(daemon, 'push.removed');

    limitFiles(daemon, '0');
    for (const text of ['one', 'two', 'three']) await sender.send(endpoint, text);
    await expect.poll(() => problems(setting)).toMatchObject({ store: expect.stringContaining('make room') });
    const other = await appOn(setting, 'Other');
    expect(await register(other)).toEqual({ success: 'REGISTRATION_FAILED', reason: 'ACTION_REQUIRED' });
    const [result, reason] = await other.register1(other.service, other.service);
    expect([result, reason]).toEqual(['REGISTRATION_FAILED', expect.stringContaining('make room')]);
    // One may be with its app and not on disk, as a crash could repeat it; the others wait.
    expect([['before'], ['before', 'one']]).toContainEqual(app.messages(app.service));
    expect(inbox(mail)).toHaveLength(3);

    limitFiles(daemon, 'unlimited');
    await expect.poll(() => app.messages(app.service), { timeout: 50_000 }).toEqual(['before', 'one', 'two', 'three']);
    await expect.poll(() => inbox(mail), { timeout: 30_000 }).toEqual([]);
    expect(await problems(setting)).not.toHaveProperty('store');
    await endpointOf(other);
    await end(daemon);
  }, 120_000);

  it('from its start ends with 1 and says so; started again with room it brings everything', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const first = await setting.start();
    await untilLogged(first, 'imap.connected');
    const app = await appOn(setting, 'App');
    const endpoint = await endpointOf(app);
    await end(first);
    await (await senderFor(mail)).send(endpoint, 'hello');
    const { code, stderr } = await (await setting.start({ before: 'ulimit -f 0' })).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mailpush: The state directory .* cannot be used: check that it is .* not full\.\n$/);
    const second = await setting.start();
    await untilLogged(second, 'push.removed');
    expect(app.messages(app.service)).toEqual(['hello']);
    await end(second);
  });
});

describe('mailpush daemon with a damaged state', () => {
  async function stopped(): Promise<{ mail: MailServer; setting: DaemonSetting; app: BusApp; endpoint: string }> {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    const app = await appOn(setting, 'App');
    const endpoint = await endpointOf(app);
    await end(daemon);
    return { mail, setting, app, endpoint };
  }

  it('that can be read for the most part delivers what is in the mailbox', async () => {
    const { mail, setting, app, endpoint } = await stopped();
    await (await senderFor(mail)).send(endpoint, 'hello');
    await rm(join(setting.stateDirectory, 'store/CURRENT'));
    const daemon = await setting.start();
    await untilLogged(daemon, 'push.removed');
    expect(app.messages(app.service)).toEqual(['hello']);
    const [moved] = (await readdir(setting.stateDirectory)).filter((name) => name.startsWith('store.damaged-'));
    expect(await problems(setting)).toMatchObject({ 'store:damaged': expect.stringContaining(moved ?? 'nothing') });
    expect(logged(await end(daemon), 'store.damaged')).toMatchObject([{ level: 50, lost: 0 }]);
  });

  it('of which nothing is left starts, touches no mail, and works for apps that register anew', async () => {
    const { mail, setting, app, endpoint } = await stopped();
    const sender = await senderFor(mail);
    await sender.send(endpoint, 'for the old channel');
    const before = inbox(mail);
    const store = join(setting.stateDirectory, 'store');
    for (const name of await readdir(store)) await writeFile(join(store, name), randomBytes(5000));
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    const next = await endpointOf(app);
    expect(next).not.toBe(endpoint);
    await sender.send(next, 'for the new one');
    await untilLogged(daemon, 'push.removed');
    expect(app.messages(app.service)).toEqual(['for the new one']);
    expect(inbox(mail)).toEqual(before);
    await end(daemon);
  });
});

/** Overwrites the end of each file, without which nothing of it is found. */
async function spoil(directory: string, files: RegExp): Promise<void> {
  const names = (await readdir(directory)).filter((name) => files.test(name));
  expect(names).not.toEqual([]);
  for (const name of names) {
    const bytes = await readFile(join(directory, name));
    await writeFile(join(directory, name), bytes.fill(0xff, Math.max(0, bytes.length - 64)));
  }
}

describe.skipIf(!canLimit)('mailpush daemon on a disk that fails, and then does not give back', () => {
  it.each([
    ['what was written', /\.ldb$/, false],
    ['what is where', /^CURRENT$/, true],
  ])(
    '%s, ends with 1 and says what to do; started again it goes on with what is left',
    async (_, files, knowsApps) => {
      const mail = await mailServer();
      const setting = await daemonSetting(mail.imap.port);
      const first = await setting.start();
      await untilLogged(first, 'imap.connected');
      const app = await appOn(setting, 'App');
      const endpoint = await endpointOf(app);
      const sender = await senderFor(mail);
      for (const topic of ['a', 'b']) await sender.send(endpoint, `before ${topic}`, { topic });
      await expect.poll(() => inbox(mail)).toEqual([]);
      await end(first);
      // What the first has written is in tables now. The second has read them, and does so again after a fault of the disk.
      const second = await setting.start();
      await untilLogged(second, 'imap.connected');
      limitFiles(second, '0');
      await sender.send(endpoint, 'one', { topic: 'a' });
      await expect.poll(() => problems(setting)).toHaveProperty('store');
      await spoil(join(setting.stateDirectory, 'store'), files);
      limitFiles(second, 'unlimited');
      await sender.send(endpoint, 'two', { topic: 'b' });
      const { code, stderr } = await second.ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^mailpush: The state in .* cannot be read: start the daemon again, it then uses .*\.$/m);
      const left = inbox(mail);
      const third = await setting.start();
      await untilLogged(third, 'imap.connected');
      const next = await endpointOf(app);
      expect(next === endpoint).toBe(knowsApps);
      await sender.send(next, 'three');
      await expect.poll(() => app.messages(app.service)).toContain('three');
      await expect.poll(() => inbox(mail)).toEqual(knowsApps ? [] : left);
      if (knowsApps) expect(app.messages(app.service)).toContain('two');
      expect(await problems(setting)).toMatchObject({ 'store:damaged': expect.stringContaining('remove ') });
      await end(third);
    },
    60_000,
  );
});

describe('mailpush daemon with a state of a newer version', () => {
  it('ends with 1, says what to do, and changes nothing', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const first = await setting.start();
    await untilLogged(first, 'imap.connected');
    const app = await appOn(setting, 'App');
    const endpoint = await endpointOf(app);
    await end(first);
    await (await senderFor(mail)).send(endpoint, 'hello');
    async function changeFormat(to: number): Promise<unknown> {
      const store = new ClassicLevel(join(setting.stateDirectory, 'store'), { valueEncoding: 'json' });
      try {
        const before = await store.get('format');
        await store.put('format', to as never);
        return before;
      } finally {
        await store.close();
      }
    }
    const ours = Number(await changeFormat(99));
    const { code, stderr } = await (await setting.start()).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^mailpush: .* was written by a newer mailpush: install that version again, or give this one a --state-dir of its own\.\n$/,
    );
    expect(await changeFormat(ours)).toBe(99);
    const next = await setting.start();
    await untilLogged(next, 'push.removed');
    expect(app.messages(app.service)).toEqual(['hello']);
    await end(next);
  });
});

describe('daemons that are started in the same instant', () => {
  it.each([
    ['on one state', () => undefined],
    ['on states of their own', (setting: DaemonSetting, index: number) => join(setting.directory, `state-${index}`)],
  ])('%s: one stays and works, the others end with 69', async (_, stateOf) => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemons = await Promise.all(
      [1, 2, 3].map((index) => {
        const stateDirectory = stateOf(setting, index);
        return setting.start(stateDirectory === undefined ? {} : { stateDirectory });
      }),
    );
    const codes: unknown[] = [];
    for (const { ended } of daemons) void ended.then(({ code }) => codes.push(code));
    await expect.poll(() => codes, { timeout: 30_000 }).toEqual([69, 69]);
    const app = await appOn(setting, 'App');
    await (await senderFor(mail)).send(await endpointOf(app), 'hello');
    await expect.poll(() => app.messages(app.service)).toEqual(['hello']);
    await expect.poll(() => inbox(mail)).toEqual([]);
    expect(codes).toEqual([69, 69]);
  });
});
