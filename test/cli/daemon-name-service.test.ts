import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Status } from '../../src/distributor/index.js';
import { createSender, generateKey } from '../../src/sender/index.js';
import { startBusApp } from '../apps/bus-app.js';
import { runCommand } from '../tools/run-command.js';
import { configFor, type DaemonSetting, daemonSetting, mailServer, untilLogged, user } from './daemon-setting.js';

const host = 'mail.example.org';

/** A process of its own may have other files in the place of those that say where hosts are. */
const canReplace = spawnSync('unshare', ['--mount', 'mount', '--bind', '/etc/hosts', '/etc/hosts']).status === 0;
if (!canReplace) console.warn('Left out: a name that cannot be found. Replacing /etc/hosts takes root and unshare.');

async function problems({ bus }: DaemonSetting): Promise<Status['problems']> {
  const { stdout } = await runCommand(['status', '--json'], { environment: { DBUS_SESSION_BUS_ADDRESS: bus.address } });
  return (JSON.parse(stdout) as Status).problems;
}

describe.skipIf(!canReplace)('a daemon that cannot find the name of its mail server', () => {
  it('says so, and goes on by itself as soon as it can', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const hosts = join(setting.directory, 'hosts');
    const order = join(setting.directory, 'nsswitch.conf');
    await writeFile(hosts, '');
    await writeFile(order, 'hosts: files\n');
    const replace = `mount --bind ${hosts} /etc/hosts && mount --bind ${order} /etc/nsswitch.conf`;
    const daemon = await setting.start({
      config: configFor(mail.imap.port, 'insecure = true\n').replace('@127.0.0.1:', `@${host}:`),
      before: `exec unshare --mount /bin/sh -c '${replace} && exec "$0" "$@"' "$0" "$@"`,
    });
    await untilLogged(daemon, 'imap.disconnected');
    expect(await problems(setting)).toMatchObject([
      {
        source: 'line',
        sentence: expect.stringMatching(
          /^mail\.example\.org cannot be reached \((ENOTFOUND|EAI_AGAIN)\): it is tried again by itself\.$/,
        ),
      },
    ]);
    await writeFile(hosts, `127.0.0.1 ${host}\n`);
    const app = await startBusApp(setting.bus.address, { protocol: 2, service: 'org.example.App' });
    onTestFinished(() => app.close());
    await app.register2({ service: app.service, token: 'app' });
    await expect.poll(() => app.endpoints('app')).toHaveLength(1);
    const key = await generateKey({ address: 'push@app.example', now: Date.now() });
    const sender = createSender({ smtp: `smtp://127.0.0.1:${mail.smtp.port}`, from: 'push@app.example', key });
    onTestFinished(() => sender.close());
    await sender.send(app.endpoints('app')[0] ?? '', 'hello');
    await expect.poll(() => app.messages('app'), { timeout: 20_000 }).toEqual(['hello']);
    await expect.poll(() => mail.snapshot(user.address).INBOX).toEqual([]);
    expect(await problems(setting)).toEqual([]);
  });
});
