import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import { explain } from '../../src/cli/explain.js';
import { filing } from '../../src/cli/filing.js';
import { createConnector } from '../../src/connector/index.js';
import { createRuntime } from '../../src/runtime.js';
import { openSession, type SieveSession } from '../../src/sieve/index.js';
import { type DovecotServer, dovecot, startDovecot } from '../mail-servers/dovecot.js';
import type { SieveOptions } from '../mail-servers/dovecot-configuration.js';
import { deliverByLmtp } from '../mail-servers/lmtp.js';
import { testUser } from '../mail-servers/test-mail-server.js';
import { allServersWanted } from '../tools/all-servers-wanted.js';
import { unprivilegedUser } from '../tools/process-group.js';
import { type RecordingRelay, startRecordingRelay } from '../tools/recording-relay.js';
import { type Ended, runCommand } from '../tools/run-command.js';
import { openInbox } from './inbox.js';
import { snapshot } from './ordinary-mail.js';
import { createSetting, type Setting } from './setting.js';

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

const listRule = crlf(`require "fileinto";
# Übrigens: this line has more than ASCII in it.
if header :contains "List-Id" "dev" { fileinto "Lists"; stop; }
`);

interface Stage {
  readonly server: DovecotServer;
  readonly setting: Setting;
  /** The user, with another program such as webmail. */
  readonly webmail: SieveSession;
  /** What the daemon says to the mail server. */
  readonly line: RecordingRelay;
  /** `mailpush filing` with these options, in this process, which starts a little sooner than the packed command. */
  run(...more: readonly ('--install' | '--remove' | '--json')[]): Promise<Ended>;
  /** The packed command. */
  runPacked(...more: readonly string[]): Promise<Ended>;
  /** Mail from somebody, as the Internet brings it. */
  receive(header: string): Promise<void>;
}

/** The UID that the next message in INBOX gets: it says how many there have ever been. */
async function everInInbox({ server }: Stage): Promise<number> {
  return (await server.append('INBOX', Buffer.from('Subject: count\r\n\r\n'))) - 1;
}

interface StageOptions {
  readonly folder?: string;
  readonly prefix?: string;
  readonly prepare?: (server: DovecotServer) => Promise<void>;
}

async function stage(
  sieve: SieveOptions = {},
  { folder = 'Push', prepare, ...more }: StageOptions = {},
): Promise<Stage> {
  const server = await startDovecot(dovecot.name, { sieve, subAddressFolders: true, ...more });
  onTestFinished(() => server.stop());
  await prepare?.(server);
  const line = await startRecordingRelay(server.imap);
  const where = `sieve://${server.sieve.host}:${server.sieve.port}`;
  const setting = await createSetting(
    { ...server, imap: { ...server.imap, host: line.host, port: line.port } },
    `folder = ${JSON.stringify(folder)}\nsieve = "${where}"\n`,
  );
  onTestFinished(() => setting.stop());
  const ended = new AbortController();
  const credentials = async () => ({ kind: 'password', password: testUser.password }) as const;
  const webmail = await openSession(
    { ...server.sieve, user: testUser.address, mustEncrypt: false, credentials },
    createRuntime(),
    ended.signal,
  );
  onTestFinished(() => webmail.close());
  return {
    server,
    setting,
    webmail,
    line,
    run: async (...more) => {
      const has = (option: (typeof more)[number]): boolean => more.includes(option);
      const options = { install: has('--install'), remove: has('--remove'), json: has('--json') };
      const config = join(setting.directory, 'config.toml');
      let stdout = '';
      const print = (text: string): void => {
        stdout += `${text}\n`;
      };
      try {
        await filing({ config, ...options }, ended.signal, print);
        return { code: 0, stdout, stderr: '' };
      } catch (error) {
        return { code: exitCodeOf(error), stdout, stderr: `${explain(error, false)}\n` };
      }
    },
    runPacked: (...more) =>
      runCommand(['filing', '--config', join(setting.directory, 'config.toml'), ...more], {
        environment: { HOME: setting.directory },
      }),
    receive: (header) =>
      deliverByLmtp(join(server.directory, 'lmtp'), {
        from: 'bob@example.org',
        recipients: [testUser.address],
        bytes: Buffer.from(`From: bob@example.org\r\n${header}\r\n\r\nHello.\r\n`),
      }),
  };
}

/** A script of the user that ManageSieve knows nothing about. */
async function putOwnFile({ home }: DovecotServer): Promise<void> {
  const { uid, gid } = unprivilegedUser();
  await mkdir(home, { recursive: true });
  await writeFile(join(home, '.dovecot.sieve'), listRule);
  if (process.getuid?.() !== 0) return;
  for (const path of [home, join(home, '.dovecot.sieve')]) await chown(path, uid, gid);
}

async function countOf({ server }: Stage, folder: string): Promise<number | undefined> {
  return (await snapshot(server))[folder]?.length;
}

const inReport = { meta: { mailServer: dovecot.name, mailServerSuite: 'filing' } };

if (!dovecot.available) {
  it.skipIf(!allServersWanted())('filing on Dovecot', () => {
    expect.fail(`Dovecot is wanted, but ${dovecot.reason}; get it with ${dovecot.howToGet}`);
  });
}

describe.runIf(dovecot.available)('filing', inReport, () => {
  it('brings pushes past INBOX, leaves ordinary mail and the rules of the user alone, and can be undone', async () => {
    const all = await stage();
    const { server, setting, webmail, line, runPacked, receive } = all;
    await server.createFolder('Lists');
    await webmail.put('main', listRule);
    await webmail.activate('main');

    const first = await runPacked('--install');
    expect(first).toEqual({
      code: 0,
      stdout:
        'The folder "Push" was made.\nPush mail is filed into "Push" from now on.\nAll other mail goes through your Sieve script "main", as before.\n',
      stderr: '',
    });
    const ours = await webmail.get('mailpush');
    expect(await runPacked('--install')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing was changed'),
    });
    expect((await webmail.get('mailpush')).equals(ours)).toBe(true);

    const daemon = await setting.startDaemon();
    const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    onTestFinished(() => connector.close());
    const registration = await connector.register({ token: 'filed' });
    const inbox = openInbox(registration);
    for (const text of ['one', 'two']) {
      await setting.sender.send(registration.endpoint, text);
      expect(await inbox.nextText()).toBe(text);
      await daemon.logged('push.removed', registration.endpoint);
    }
    await receive('Subject: to you');
    await receive('Subject: to the list\r\nList-Id: <dev.example.org>');
    // Only half of what makes push mail.
    await receive('Subject: not push mail\r\nEmail-Notify: v=1; c=AAAAAAAAAAAAAAAAAAAAAAAAAAA');
    await receive('Subject: a letter\r\nContent-Type: multipart/encrypted; boundary=x');
    expect(await countOf(all, 'Push')).toBe(0);
    expect(await countOf(all, 'Lists')).toBe(1);
    expect(await countOf(all, 'INBOX')).toBe(3);
    expect(await everInInbox(all)).toBe(3);
    expect(line.sent().filter((command) => /SELECT "?INBOX/i.test(command))).toEqual([]);
    expect(line.sent().filter((command) => /SELECT "?Push/i.test(command))).not.toEqual([]);

    // The user goes on with his rules in webmail, under the name they have.
    await webmail.put('main', listRule.replace('"dev"', '"friends"'));
    await receive('Subject: to friends\r\nList-Id: <friends.example.org>');
    expect(await countOf(all, 'Lists')).toBe(2);

    await webmail.put('main', listRule);
    expect(await runPacked('--remove')).toMatchObject({ code: 0, stdout: expect.stringContaining('"main" is active') });
    expect(await webmail.list()).toEqual([{ name: 'main', isActive: true }]);
    expect((await webmail.get('main')).toString()).toBe(listRule);
    expect(await runPacked('--remove')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing was changed'),
    });
  });

  it('that webmail has ended is noticed at the next start of the daemon, and loses no push', async () => {
    const all = await stage();
    const { setting, webmail, run } = all;
    await run('--install');
    let daemon = await setting.startDaemon();
    const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    onTestFinished(() => connector.close());
    const registration = await connector.register({ token: 'broken' });
    const inbox = openInbox(registration);
    const status = async (): Promise<string> => {
      const environment = { HOME: setting.directory, DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
      return (await runCommand(['status'], { environment })).stdout;
    };
    expect(await status()).not.toContain('filing');

    await webmail.put('roundcube', listRule);
    await webmail.activate('roundcube');
    await setting.sender.send(registration.endpoint, 'astray');
    expect(await countOf(all, 'INBOX')).toBe(1);
    await daemon.stop();
    daemon = await setting.startDaemon();
    expect(await inbox.nextText()).toBe('astray');
    await daemon.logged('push.removed', registration.endpoint);
    expect(await countOf(all, 'INBOX')).toBe(0);
    expect(await status()).toContain('install it again with "mailpush filing --install"');

    expect(await run('--install')).toMatchObject({ code: 0, stdout: expect.stringContaining('"roundcube"') });
    await setting.sender.send(registration.endpoint, 'filed again');
    expect(await inbox.nextText()).toBe('filed again');
    expect(await everInInbox(all)).toBe(1);
  });

  it('is told from what it was replaced by, and comes back around that', async () => {
    const { webmail, run } = await stage();
    expect(await run()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Push mail is not filed: run /) });
    await run('--install');
    expect(await run()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^Push mail is filed into "Push" by the Sieve script "mailpush"\.\n\nThis is the rule/,
      ),
    });
    await webmail.put('roundcube', listRule);
    await webmail.activate('roundcube');
    expect((await run()).stdout).toMatch(
      /^Filing is broken: the Sieve script "roundcube" was made active in the place of "mailpush": run "mailpush filing --install"\.\n/,
    );
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({ state: 'inactive', active: 'roundcube' });
    await run('--install');
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({
      state: 'active',
      active: 'mailpush',
      own: 'roundcube',
      folder: 'Push',
      folderIsThere: true,
    });
    await webmail.activate('roundcube');
    expect(await run('--remove')).toMatchObject({ code: 0 });
    expect(await webmail.list()).toEqual([{ name: 'roundcube', isActive: true }]);
  });

  it('leaves a script of its name alone when somebody has changed it', async () => {
    const { webmail, run } = await stage();
    await run('--install');
    const changed = `${(await webmail.get('mailpush')).toString()}# mine\r\n`;
    await webmail.put('mailpush', changed);
    for (const option of ['--install', '--remove'] as const) {
      const { code, stderr } = await run(option);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^mailpush: [^\n]*"mailpush"[^\n]*\n$/);
    }
    expect((await run()).stdout).toContain('was changed by somebody');
    expect((await webmail.get('mailpush')).toString()).toBe(changed);
  });

  it('is not run in a circle by a script of the user that includes it', async () => {
    const { webmail, run } = await stage();
    const including = crlf('require "include";\ninclude :optional "mailpush";\n');
    await webmail.put('main', including);
    await webmail.activate('main');
    expect(await run('--install')).toMatchObject({ code: 0 });
    expect(JSON.parse((await run('--json')).stdout)).toMatchObject({ state: 'included', active: 'main' });
    const { code, stderr } = await run('--remove');
    expect(code).toBe(1);
    expect(stderr).toContain('take that line out of it');
    expect((await webmail.get('main')).toString()).toBe(including);
  });

  it('runs a script that was not put there by ManageSieve too', async () => {
    const all = await stage({}, { prepare: putOwnFile });
    await all.server.createFolder('Lists');
    expect(await all.run('--install')).toMatchObject({ code: 0, stdout: expect.stringContaining('"dovecot.orig"') });
    await all.receive('Subject: to the list\r\nList-Id: <dev.example.org>');
    expect(await countOf(all, 'Lists')).toBe(1);
    await all.run('--remove');
    expect(await readFile(join(all.server.home, '.dovecot.sieve'), 'utf8')).toBe(listRule);
  });

  it.each(['Über "Push" \\ mehr', 'Push.deep.er', '日本語 & co'])('files into a folder named %s', async (folder) => {
    const all = await stage({}, { folder });
    expect(await all.run('--install')).toMatchObject({ code: 0, stdout: expect.stringContaining('was made') });
    await all.receive(
      'Email-Notify: v=1; c=AAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: multipart/encrypted; boundary=x',
    );
    expect(await countOf(all, folder)).toBe(1);
    expect(await countOf(all, 'INBOX')).toBe(0);
  });

  it('files into a folder by the name that the server has for it', async () => {
    const all = await stage({}, { prefix: 'INBOX.' });
    expect((await all.run()).stdout).toContain('fileinto :create "INBOX.Push"');
    expect((await all.run('--install')).stdout).toContain('The folder "INBOX.Push" was made.\n');
    await all.receive(
      'Email-Notify: v=1; c=AAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: multipart/encrypted; boundary=x',
    );
    expect(await countOf(all, 'INBOX.Push')).toBe(1);
  });

  it('makes the folder again when it was deleted', async () => {
    const all = await stage();
    await all.run('--install');
    const push = 'Email-Notify: v=1; c=AAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: multipart/encrypted; boundary=x';
    await all.server.deleteFolder('Push');
    expect((await all.run()).stdout).toContain('The folder "Push" is not there yet');
    await all.receive(push);
    expect(await countOf(all, 'Push')).toBe(1);
  });
});

describe.runIf(dovecot.available)('filing that cannot be', inReport, () => {
  const rule = /fileinto (:create )?"Push";\n {2}stop;/;

  it('on a server that runs one script only is told, with the rule to paste, and nothing is changed', async () => {
    const { webmail, run } = await stage({ without: ['include'] });
    await webmail.put('main', listRule);
    await webmail.activate('main');
    const shown = (await run()).stdout;
    expect(shown).toMatch(/^Push mail is not filed\. The mail server cannot run two Sieve scripts \(no "include"\)/);
    expect(shown).toMatch(rule);
    const { code, stdout, stderr } = await run('--install');
    expect(code).toBe(69);
    expect(stdout).toMatch(rule);
    expect(stderr).toBe(
      'mailpush: The mail server cannot run two Sieve scripts (no "include"), and "main" is yours: put the rule at its top by hand.\n',
    );
    expect(await webmail.list()).toEqual([{ name: 'main', isActive: true }]);
  });

  it('on such a server beside a script that ManageSieve knows nothing about is undone', async () => {
    const all = await stage({ without: ['include'] }, { prepare: putOwnFile });
    await all.server.createFolder('Lists');
    expect(await all.run('--install')).toMatchObject({ code: 69, stdout: expect.stringMatching(rule) });
    expect(await all.webmail.list()).toEqual([{ name: 'dovecot.orig', isActive: true }]);
    expect(await readFile(join(all.server.home, '.dovecot.sieve'), 'utf8')).toBe(listRule);
    await all.receive('Subject: to the list\r\nList-Id: <dev.example.org>');
    expect(await countOf(all, 'Lists')).toBe(1);
  });

  it('on such a server is no trouble for who has no script', async () => {
    const { webmail, run } = await stage({ without: ['include', 'mailbox'] });
    expect(await run('--install')).toMatchObject({ code: 0 });
    expect(await webmail.list()).toEqual([{ name: 'mailpush', isActive: true }]);
  });

  it('on a server that cannot file is told', async () => {
    const { run } = await stage({ without: ['fileinto'] });
    expect(await run('--install')).toMatchObject({ code: 69, stderr: expect.stringContaining('without "fileinto"') });
  });

  it('because the server refuses the rule is told beforehand', async () => {
    const { run } = await stage({ maxScriptBytes: 200 });
    expect((await run()).stdout).toMatch(
      /^Push mail is not filed\. The mail server does not take the rule \(it said: /,
    );
    expect(await run('--install')).toMatchObject({ code: 69, stdout: expect.stringMatching(rule) });
  });

  it('where there is no room for a script is told', async () => {
    const { webmail, run } = await stage({ maxScripts: 1 });
    await webmail.put('main', listRule);
    await webmail.activate('main');
    const { code, stdout, stderr } = await run('--install');
    expect(code).toBe(69);
    expect(stdout).toMatch(rule);
    expect(stderr).toMatch(/no room for another Sieve script .*: remove a script that you do not need\.\n$/);
    expect(await webmail.list()).toEqual([{ name: 'main', isActive: true }]);
  });

  it('where there is no ManageSieve shows the rule, and cannot say more', async () => {
    const all = await stage();
    const config = join(all.setting.directory, 'config.toml');
    await writeFile(config, (await readFile(config, 'utf8')).replace(/^sieve = .*$/m, 'sieve = "sieve://127.0.0.1:1"'));
    const shown = await all.run();
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^Whether push mail is filed is not known\. .*cannot be reached \(ECONNREFUSED\)/);
    expect(shown.stdout).toMatch(rule);
    const installed = await all.run('--install');
    expect(installed).toMatchObject({ code: 69, stdout: expect.stringMatching(rule) });
    expect(await countOf(all, 'Push')).toBeUndefined();
  });

  it('with a wrong password exits with 77', async () => {
    const all = await stage();
    await writeFile(join(all.setting.directory, 'password'), 'hunter2', { mode: 0o600 });
    const { code, stdout, stderr } = await all.run('--install');
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(stderr).toMatch(/refused the login/);
    expect(stderr).not.toContain('hunter2');
  });

  it('of INBOX is a mistake in the configuration, and says which line to write', async () => {
    const all = await stage({}, { folder: 'inbox' });
    const { code, stderr } = await all.run('--install');
    expect(code).toBe(78);
    expect(stderr).toMatch(/config\.toml: account\.folder is INBOX, .*: set folder = "Push" first\.\n$/);
    expect(await all.webmail.list()).toEqual([]);
    expect(await all.run('--remove')).toMatchObject({ code: 0 });
  });

  it('both begun and ended is a mistake on the command line', async () => {
    expect(await runCommand(['filing', '--install', '--remove'])).toMatchObject({ code: 2 });
  });
});

describe.runIf(dovecot.available)(
  'a sub-address',
  { meta: { mailServer: dovecot.name, mailServerSuite: 'filing' } },
  () => {
    it('brings pushes into the folder of its name without any rule', async () => {
      const all = await stage({}, { folder: 'push' });
      const { server, setting, line } = all;
      await server.createFolder('push');
      const config = join(setting.directory, 'config.toml');
      await writeFile(config, (await readFile(config, 'utf8')).replace('alice@', 'alice+push@'));
      const daemon = await setting.startDaemon();
      const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
      onTestFinished(() => connector.close());
      const registration = await connector.register({ token: 'sub-address' });
      expect(registration.endpoint).toMatch(/^mailto:alice%2Bpush@example\.org\?/);
      const inbox = openInbox(registration);
      await setting.sender.send(registration.endpoint, 'hello');
      expect(await inbox.nextText()).toBe('hello');
      await daemon.logged('push.removed', registration.endpoint);
      expect(await everInInbox(all)).toBe(0);
      expect(line.sent().filter((command) => /SELECT "?INBOX/i.test(command))).toEqual([]);
    });
  },
);
