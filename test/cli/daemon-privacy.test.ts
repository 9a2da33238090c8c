import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { createSender, generateKey } from '../../src/sender/index.js';
import { configFor, daemonSetting, logged, mailServer, untilLogged, user } from './daemon-setting.js';

/** Every file and folder below a folder, with its permissions; the folder itself is there as ''. */
async function modesBelow(folder: string): Promise<Map<string, string>> {
  const names = ['', ...(await readdir(folder, { recursive: true }))];
  const facts = names.map(async (name): Promise<[string, string]> => {
    const { mode } = await stat(join(folder, name));
    return [name, (mode & 0o7777).toString(8)];
  });
  return new Map(await Promise.all(facts));
}

describe('the daemon', () => {
  it('keeps its state to its owner and says nothing of what only the user may know', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start({ before: 'umask 0' });
    await untilLogged(daemon, 'imap.connected');

    const token = '{5c1f0e0a-token-of-the-app}';
    const payload = 'Meet me at noon, behind the library';
    const from = 'push@app.example';
    const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    onTestFinished(() => connector.close());
    const registration = await connector.register({ token, description: 'Secret Diary' });
    const key = await generateKey({ address: from, now: Date.now() });
    const sender = createSender({ smtp: `smtp://127.0.0.1:${mail.smtp.port}`, from, key });
    onTestFinished(() => sender.close());
    const inbox = registration.messages()[Symbol.asyncIterator]();
    const { id } = await sender.send(registration.endpoint, payload);
    const message = (await inbox.next()).value as { data: Uint8Array; accept(): void };
    expect(Buffer.from(message.data).toString()).toBe(payload);
    message.accept();
    await untilLogged(daemon, 'push.removed');
    await registration.unregister();
    await untilLogged(daemon, 'app.unregistered');

    const modes = await modesBelow(join(setting.directory, 'state'));
    expect(modes.size).toBeGreaterThan(5);
    for (const [name, mode] of modes) expect([name, mode]).toEqual([name, expect.stringMatching(/^[67]00$/)]);

    daemon.kill('SIGTERM');
    const { stdout, stderr } = await daemon.ended;
    expect(stdout).toBe('');
    for (const event of ['app.registered', 'push.found', 'push.verified', 'push.delivered']) {
      expect(logged(stderr, event), event).toHaveLength(1);
    }
    const { endpoint } = registration;
    const channel = /c%3D([\w-]{27})/.exec(endpoint)?.[1] ?? '';
    const keydata = /keydata%3D(\S+)$/.exec(endpoint)?.[1]?.slice(0, 60) ?? '';
    expect([channel.length, keydata.length]).toEqual([27, 60]);
    const secrets = {
      endpoint,
      channel,
      keydata,
      token,
      payload,
      from,
      id,
      ...user,
      smtp: 'alice',
      what: 'Secret Diary',
    };
    const encoded = [payload, token, user.password].map((text) => Buffer.from(text).toString('base64').slice(0, 20));
    for (const secret of [...Object.values(secrets), 'mailto:', ...encoded]) expect(stderr).not.toContain(secret);
  });

  it('keeps the address out of its log when the mail server repeats it', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    // A folder that is not there is an error with the server's words in it, at every try.
    const config = configFor(mail.imap.port, `folder = "of ${user.address}"\n`);
    const daemon = await setting.start({ config });
    await untilLogged(daemon, 'imap.disconnected');
    daemon.kill('SIGTERM');
    const { code, stderr } = await daemon.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('The folder \\"of …\\" cannot be opened');
    expect(stderr).not.toContain(user.address);
  });

  it('names what it does not use', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    await writeFile(join(setting.directory, 'x'), '');
    const daemon = await setting.start({ config: configFor(mail.imap.port, 'smtp = "smtps://mail.example.org"\n') });
    await untilLogged(daemon, 'daemon.ready');
    daemon.kill('SIGTERM');
    const { stderr } = await daemon.ended;
    expect(logged(stderr, 'config.unused')).toMatchObject([{ level: 40, key: 'account.smtp' }]);
  });
});
