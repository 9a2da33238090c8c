import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../tools/run-command.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import {
  busClient,
  configFor,
  type DaemonStart,
  daemonName,
  daemonSetting,
  logged,
  mailServer,
  silentServer,
  untilLogged,
  user,
} from './daemon-setting.js';

describe('mailpush daemon with a mistake in its configuration', () => {
  const account = configFor(143);
  it.each([
    ['an unknown key', `${account}colour = "red"\n`, /config-1\.toml: account\.colour is not known: remove it/],
    ['a wrong type', `${account}insecure = "yes"\n`, /config-1\.toml: account\.insecure must be true or false, not a/],
    ['no TOML', `${account}=\n`, /config-1\.toml is not valid TOML at line 5, column 1 \(.*\): correct it there/],
    ['an open password file', account.replace('"password"', '"open"'), /account\.password_file .*run chmod 600 on it/],
    ['control characters', `${account}"\\u001b[2J" = 1\n`, /account\."\\u001b\[2J" is not known/],
  ])('such as %s exits with 78, in one line, with nothing started', async (_, config, expected) => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await writeFile(join(setting.directory, 'open'), 'secret');
    await chmod(join(setting.directory, 'open'), 0o644);
    const bus = await busClient(setting);
    const seen: string[] = [];
    await bus.watchNameOwners(({ name }) => seen.push(name));
    const { code, stdout, stderr } = await (await setting.start({ config })).ended;
    expect(code).toBe(78);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^mailpush: [^\n]+\n$/);
    expect(stderr).toMatch(expected);
    expect(stderr).not.toContain('\u001b');
    expect(existsSync(join(setting.directory, 'state'))).toBe(false);
    expect(await bus.nameOwner(daemonName)).toBeUndefined();
    expect(seen).toEqual([]);
    expect(mail.imapConnections().made).toBe(0);
  });

  it('or without a configuration exits with 78 and names the file that is missing', async () => {
    const home = await temporaryDirectory();
    const { code, stderr } = await runCommand(['daemon'], { environment: { HOME: home, XDG_CONFIG_HOME: '/x/y' } });
    expect(code).toBe(78);
    expect(stderr).toBe(
      'mailpush: /x/y/mailpush/config.toml is not there: create it (docs/configuration.md shows one), or name another with --config.\n',
    );
    const fallback = await runCommand(['daemon'], { environment: { HOME: home } });
    expect(fallback.stderr).toContain(`${home}/.config/mailpush/config.toml is not there`);
  });
});

describe('mailpush daemon that cannot start', () => {
  async function end(options: DaemonStart): Promise<{ code: unknown; stderr: string }> {
    const setting = await daemonSetting(143);
    const { code, stderr } = await (await setting.start(options)).ended;
    expect(stderr).toMatch(/^mailpush: [^\n]+\n$/);
    return { code, stderr };
  }

  it('for want of a session bus exits with 69', async () => {
    const unset = await end({ environment: { DBUS_SESSION_BUS_ADDRESS: '' } });
    expect(unset.stderr).toContain('Run this in a desktop session, or set DBUS_SESSION_BUS_ADDRESS');
    expect(unset.code).toBe(69);
    const gone = await end({ environment: { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/there/is/none' } });
    expect(gone.stderr).toMatch(/D-Bus|bus/);
    expect(gone.code).toBe(69);
  });

  it('because its login is refused exits with 77, and leaves the bus', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await writeFile(join(setting.directory, 'password'), 'hunter2', { mode: 0o600 });
    const { code, stderr } = await (await setting.start()).ended;
    expect(code).toBe(77);
    const said = stderr.split('\n').filter((line) => line.startsWith('mailpush: '));
    expect(said).toEqual([
      expect.stringMatching(/^mailpush: 127\.0\.0\.1 refused the login .*check the user .*password/),
    ]);
    expect(stderr).not.toContain('hunter2');
    expect(await (await busClient(setting)).nameOwner(daemonName)).toBeUndefined();
  });

  it('because another one has its state exits with 69, and the other goes on', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const first = await setting.start();
    await untilLogged(first, 'imap.connected');
    const other = await daemonSetting(mail.imap.port);
    const second = await other.start({ stateDirectory: setting.stateDirectory });
    const { code, stderr } = await second.ended;
    expect(code).toBe(69);
    expect(stderr).toMatch(
      /^mailpush: Another mailpush daemon uses .*: end it first, or give this one a --state-dir.*\n$/,
    );
    expect(mail.imapConnections()).toMatchObject({ open: 1, made: 1 });
  });

  it('because another one has its name exits with 69, and never logs in', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const first = await setting.start();
    await untilLogged(first, 'imap.connected');
    const second = await setting.start({ stateDirectory: join(setting.directory, 'other') });
    const { code, stderr } = await second.ended;
    expect(code).toBe(69);
    expect(stderr).toContain(`mailpush: Another program owns the bus name ${daemonName}; end it first.`);
    expect(mail.imapConnections().made).toBe(1);
  });

  it('because its state folder is a file exits with 1', async () => {
    const setting = await daemonSetting(143);
    const file = join(setting.directory, 'file');
    await writeFile(file, '');
    const { code, stderr } = await (await setting.start({ stateDirectory: file })).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mailpush: The state directory .*file cannot be used: check .*\n$/);
  });

  it('has the causes underneath when --verbose asks for them', async () => {
    const setting = await daemonSetting(143);
    const environment = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/there/is/none' };
    const { stderr } = await (await setting.start({ environment, more: ['--verbose'] })).ended;
    expect(stderr).toMatch(/^mailpush: .* \[ERR_BUS_CONNECT\]\n {2}because: .*ENOENT/m);
  });
});

describe('mailpush daemon without its mail server', () => {
  it('stays up with its bus name, says so once, and connects when the server is there', async () => {
    const { port } = await mailServer().then(async (server) => {
      await server.stop();
      return server.imap;
    });
    const setting = await daemonSetting(port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.disconnected');
    const bus = await busClient(setting);
    expect(await bus.nameOwner(daemonName)).toBeDefined();
    const mail = await mailServer({ imapPort: port });
    await untilLogged(daemon, 'imap.connected');
    expect(mail.imapConnections().open).toBe(1);
    daemon.kill('SIGTERM');
    const { code, stderr } = await daemon.ended;
    expect(code).toBe(0);
    const warnings = logged(stderr, 'imap.disconnected');
    expect(warnings).toEqual([expect.objectContaining({ level: 40, err: expect.anything() })]);
    expect(JSON.stringify(warnings)).toContain(
      '127.0.0.1 cannot be reached (ECONNREFUSED): it is tried again by itself.',
    );
  });

  it('stays up when its password command fails, and logs neither the command nor what it printed', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const marker = join(setting.directory, 'unlocked');
    const command = `test -e ${marker} || { echo hunter2; exit 5; }; echo ${user.password}`;
    const config = configFor(mail.imap.port).replace(
      /password_file.*/,
      `password_command = ${JSON.stringify(command)}`,
    );
    const daemon = await setting.start({ config, more: ['--verbose'] });
    await untilLogged(daemon, 'imap.disconnected');
    await mkdir(marker);
    await untilLogged(daemon, 'imap.connected');
    daemon.kill('SIGTERM');
    const { stderr } = await daemon.ended;
    expect(stderr).toContain('account.password_command failed (exit 5): run the command by hand and look.');
    for (const secret of ['hunter2', 'echo', marker, user.password]) expect(stderr).not.toContain(secret);
  });

  it('answers apps while the server takes connections and says nothing', async () => {
    const server = await silentServer();
    const setting = await daemonSetting(server.port);
    const daemon = await setting.start();
    await server.connection;
    await untilLogged(daemon, 'daemon.ready');
    expect(await (await busClient(setting)).nameOwner(daemonName)).toBeDefined();
  });
});
