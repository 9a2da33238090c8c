import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Connector, createConnector } from '../../src/connector/index.js';
import type { AppList } from '../../src/distributor/index.js';
import { dovecot } from '../mail-servers/dovecot.js';
import { embedded } from '../mail-servers/embedded.js';
import { describeEachMailServer, type MailServerKind } from '../mail-servers/index.js';
import { runCommand } from '../tools/run-command.js';
import { type Inbox, openInbox } from './inbox.js';
import { fillMailbox, snapshot, snapshotApartFromHandled } from './ordinary-mail.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

// To apps and to the store servers are the same: two kinds are enough.
const on = ({ name }: MailServerKind): boolean => name === dovecot.name || name === embedded.name;

describeEachMailServer('another mail address', { on }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    await fillMailbox(setting.server);
    connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
  });

  afterAll(async () => {
    await connector?.close();
    await setting?.stop();
  });

  async function useAddress(from: string, to: string): Promise<void> {
    const config = join(setting.directory, 'config.toml');
    const before = await readFile(config, 'utf8');
    const after = before.replace(`address = "${from}@`, `address = "${to}@`);
    expect(after).not.toBe(before);
    await writeFile(config, after);
  }

  async function apps(): Promise<AppList['apps']> {
    const environment = { DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
    const { stdout } = await runCommand(['apps', '--json'], { environment });
    return (JSON.parse(stdout) as AppList).apps;
  }

  it('gives an app another endpoint, brings what is on its way to the old one, and both end together', async () => {
    const ordinary = await snapshot(setting.server);
    const before = await setting.startDaemon();
    const registration = await connector.register({ token: 'moving' });
    const inbox: Inbox = openInbox(registration);
    const endpoints = registration.endpoints()[Symbol.asyncIterator]();
    const old = (await endpoints.next()).value as string;
    await setting.sender.send(old, 'before');
    expect(await inbox.nextText()).toBe('before');
    await before.logged('push.removed', old);
    await before.stop();

    await setting.sender.send(old, 'on its way');
    await useAddress('alice', 'alice+push');
    daemon = await setting.startDaemon();
    const current = (await endpoints.next()).value as string;
    expect(current).toMatch(/^mailto:alice%2Bpush@example\.org\?/);
    expect(await inbox.nextText()).toBe('on its way');
    await setting.sender.send(old, 'to the old one');
    expect(await inbox.nextText()).toBe('to the old one');
    await setting.sender.send(current, 'to the new one');
    expect(await inbox.nextText()).toBe('to the new one');
    expect(await apps()).toMatchObject([{ service: 'org.example.App', draining: 1 }]);

    await daemon.kill();
    daemon = await setting.startDaemon();
    await setting.sender.send(old, 'after a crash');
    expect(await inbox.nextText()).toBe('after a crash');
    await daemon.logged('push.removed', old);

    await registration.unregister();
    await daemon.logged('app.unregistered', old);
    await setting.sender.send(old, 'too late');
    await setting.sender.send(current, 'too late');
    for (const endpoint of [old, current]) {
      await daemon.logged('push.retired', endpoint);
      await daemon.logged('push.removed', endpoint);
    }
    expect(await apps()).toEqual([]);
    expect((await snapshotApartFromHandled(setting.server)).mailbox).toEqual(ordinary);
  });
});
