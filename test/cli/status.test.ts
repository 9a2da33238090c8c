import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectBus, distributorPath } from '../../src/dbus/index.js';
import { managementInterface, managementName, managementPath } from '../../src/distributor/management/index.js';
import { canSandbox, startBusSandbox } from '../tools/bus-sandbox.js';
import { type Ended, runCommand } from '../tools/run-command.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import {
  busClient,
  configFor,
  type DaemonSetting,
  daemonName,
  daemonSetting,
  mailServer,
  silentServer,
  untilLogged,
  user,
} from './daemon-setting.js';

/** Runs a command that asks the daemon. */
async function ask(
  { bus }: Pick<DaemonSetting, 'bus'>,
  args: readonly string[] = ['status'],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return await runCommand(args, { environment: { DBUS_SESSION_BUS_ADDRESS: bus.address, TZ: 'UTC', ...environment } });
}

const firstLineOf = async (setting: DaemonSetting): Promise<string> => (await ask(setting)).stdout.split('\n')[0] ?? '';

async function problemsOf(setting: DaemonSetting): Promise<readonly { source: string; sentence: string }[]> {
  const { stdout } = await ask(setting, ['status', '--json']);
  return (JSON.parse(stdout) as { problems: { source: string; sentence: string }[] }).problems;
}

describe('mailpush status', () => {
  it('says first that all is well, as text and as JSON', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await untilLogged(await setting.start(), 'imap.connected');
    const text = await ask(setting);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^All is well: connected to 127\.0\.0\.1 since \d{4}-\d\d-\d\d \d\d:\d\d\.\n\n/);
    expect(text.stdout).toContain(`Account         ${user.address}, INBOX on 127.0.0.1:${mail.imap.port}\n`);
    const json = await ask(setting, ['status', '--json']);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      account: { address: user.address, server: '127.0.0.1', port: mail.imap.port, folder: 'INBOX' },
      line: { state: 'connected', retryAt: null },
      registrations: 0,
      problems: [],
    });
    expect(await ask(setting, ['apps'])).toEqual({ code: 0, stdout: 'No app is registered.\n', stderr: '' });
  });

  it('says that the mail server is away, from the first moment on, until it is back', async () => {
    const mail = await mailServer();
    await mail.stop();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.disconnected');
    const { code, stdout } = await ask(setting);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^There is a problem:\n {2}127\.0\.0\.1 cannot be reached \(ECONNREFUSED\): it is tried again by itself\. \(since .*\)\n/,
    );
    await mailServer({ imapPort: mail.imap.port });
    await untilLogged(daemon, 'imap.connected');
    expect(await firstLineOf(setting)).toMatch(/^All is well/);
  });

  it('answers while the mail server takes connections and says nothing', async () => {
    const server = await silentServer();
    const setting = await daemonSetting(server.port);
    await untilLogged(await setting.start(), 'daemon.ready');
    await server.connection;
    expect(await firstLineOf(setting)).toBe('Nothing is wrong so far: 127.0.0.1 is being connected to.');
  });

  it('says that the login is refused, once it had worked, and what to do', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    await mail.stop();
    await untilLogged(daemon, 'imap.disconnected');
    await mailServer({ imapPort: mail.imap.port, users: [{ ...user, password: 'another' }] });
    await expect
      .poll(() => problemsOf(setting), { timeout: 10_000 })
      .toMatchObject([
        {
          source: 'line',
          sentence: expect.stringMatching(/^127\.0\.0\.1 refused the login.*: check the user .*password/),
        },
      ]);
  });

  it('says that the folder is not there, and what to do', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start({ config: configFor(mail.imap.port, 'folder = "Nowhere"\n') });
    await untilLogged(daemon, 'imap.disconnected');
    expect(await problemsOf(setting)).toMatchObject([
      { source: 'line', sentence: expect.stringMatching(/^The folder "Nowhere" cannot be opened.*: check "folder"/) },
    ]);
  });
});

describe('without a daemon', () => {
  const says =
    /^mailpush: The daemon is not running on this session bus: start it with "systemctl --user start mailpush" .*\n$/;

  it.each([[['status']], [['status', '--json']], [['apps']]])('%j exits with 69 and says what to do', async (args) => {
    const setting = await daemonSetting(143);
    const { code, stdout, stderr } = await ask(setting, args);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(says);
  });

  it('that can be asked, but one that serves apps, it exits with 69 and says that', async () => {
    const setting = await daemonSetting(143);
    await (await busClient(setting)).requestName(daemonName);
    const { code, stdout, stderr } = await ask(setting);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toMatch(/^mailpush: The daemon runs but cannot be asked at the moment: .*\n$/);
  });

  it('it exits with 69 after the daemon has ended because its login was refused', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await writeFile(join(setting.directory, 'password'), 'hunter2', { mode: 0o600 });
    expect((await (await setting.start()).ended).code).toBe(77);
    expect(await ask(setting)).toMatchObject({ code: 69, stderr: expect.stringMatching(says) });
  });

  it('and without a bus it exits with 69', async () => {
    const setting = await daemonSetting(143);
    await setting.bus.stop();
    expect(await ask(setting)).toMatchObject({ code: 69, stdout: '' });
    const unset = await ask(setting, ['status'], { DBUS_SESSION_BUS_ADDRESS: '' });
    expect(unset).toMatchObject({ code: 69, stderr: expect.stringContaining('Run this in a desktop session') });
  });
});

describe('the name of the management connection', () => {
  it('in the hands of another program keeps nothing from being delivered, and that one is not believed', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const other = await busClient(setting);
    await other.requestName(managementName);
    const answers = ['not JSON', '{"version":"\\u001b[2J"}'];
    const Status = { in: '', out: 's', handle: () => [answers.shift() ?? 'null'] };
    other.export(managementPath, [{ name: managementInterface, methods: { Status }, xml: '' }]);
    const daemon = await setting.start();
    await untilLogged(daemon, 'management.failed');
    await untilLogged(daemon, 'imap.connected');
    for (let tries = 0; tries < 3; tries += 1) {
      const { code, stdout, stderr } = await ask(setting);
      expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
      expect(stderr).toMatch(
        /^mailpush: The program at the bus name org\.mailpush\.Management does not answer as .*\n$/,
      );
    }
    expect(await other.nameOwner(daemonName)).toBeDefined();
  });

  it('belongs to a connection of its own', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await untilLogged(await setting.start(), 'daemon.ready');
    const client = await busClient(setting);
    const [management, distributor] = [await client.nameOwner(managementName), await client.nameOwner(daemonName)];
    expect(management).toBeDefined();
    expect(distributor).toBeDefined();
    expect(management).not.toBe(distributor);
  });

  it.skipIf(!canSandbox())('is out of reach for a sandboxed app that may talk to distributors', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await untilLogged(await setting.start(), 'daemon.ready');
    const outside = await busClient(setting);
    const socket = join(await temporaryDirectory(), 'sandbox');
    const inside = await connectBus({
      address: await startBusSandbox(setting.bus.address, socket, ['org.unifiedpush.Distributor.*']),
    });
    const status = { path: managementPath, interface: managementInterface, member: 'Status', timeoutMs: 5_000 };
    try {
      // What it may do, it can.
      const ping = { destination: daemonName, path: distributorPath, interface: 'org.freedesktop.DBus.Peer' };
      expect(await inside.call({ ...ping, member: 'Ping' })).toEqual([]);
      const unique = (await outside.nameOwner(managementName)) ?? '';
      expect(await outside.call({ ...status, destination: unique, replySignature: 's' })).toHaveLength(1);
      for (const destination of [managementName, unique, daemonName, (await outside.nameOwner(daemonName)) ?? '']) {
        await expect(inside.call({ ...status, destination }), destination).rejects.toMatchObject({
          errorName: expect.stringMatching(/ServiceUnknown|AccessDenied|NameHasNoOwner|UnknownObject/),
        });
      }
      expect(await inside.listNames()).not.toContain(managementName);
    } finally {
      await inside.close();
    }
  });
});
