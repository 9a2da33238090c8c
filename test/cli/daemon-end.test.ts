import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createConnector } from '../../src/connector/index.js';
import { createSender, generateKey } from '../../src/sender/index.js';
import type { Ended, RunningCommand } from '../tools/run-command.js';
import {
  configFor,
  type DaemonSetting,
  daemonSetting,
  mailServer,
  silentServer,
  untilLogged,
} from './daemon-setting.js';

const from = 'push@app.example';

/** What the daemon promises whoever ends it. */
const endMs = 2000;

/** Sends the signal; the daemon has to be gone in time, with exit code 0. */
async function end(daemon: RunningCommand, signal: NodeJS.Signals): Promise<Ended> {
  daemon.kill(signal);
  const late = new AbortController();
  const result = await Promise.race([daemon.ended, delay(endMs, undefined, { signal: late.signal })]);
  late.abort();
  if (result === undefined) throw new Error(`It was still there ${endMs} ms after ${signal}.`);
  expect(result, result.stderr).toMatchObject({ code: 0, stdout: '' });
  return result;
}

/** Starts the daemon and registers an app; the messages are in the caller's hands. */
async function registered(setting: DaemonSetting, token: string) {
  const connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
  onTestFinished(() => connector.close());
  return await connector.register({ token });
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s ends the daemon within 2 s and with exit code 0', (signal) => {
  it('while it idles; the registration is there after the next start', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    const { endpoint } = await registered(setting, 'kept');
    const { stderr } = await end(daemon, signal);
    expect(stderr).toMatch(/"event":"daemon\.ended".*\n$/);
    await expect.poll(() => mail.imapConnections().open).toBe(0);
    const next = await setting.start();
    await untilLogged(next, 'imap.connected');
    const connector = await createConnector({ service: 'org.example.Other', busAddress: setting.bus.address });
    onTestFinished(() => connector.close());
    await expect(connector.register({ token: 'kept' })).rejects.toThrow();
    expect(endpoint).toMatch(/^mailto:/);
  });

  it('while it connects to a mail server that does not answer', async () => {
    const server = await silentServer();
    const setting = await daemonSetting(server.port);
    const daemon = await setting.start();
    await server.connection;
    await end(daemon, signal);
  });

  it('while it waits for its password', async () => {
    const setting = await daemonSetting(143);
    const config = configFor(143).replace(/password_file.*/, 'password_command = "sleep 1000"');
    const daemon = await setting.start({ config });
    await untilLogged(daemon, 'daemon.ready');
    await end(daemon, signal);
  });

  it('while it waits to try again', async () => {
    const mail = await mailServer();
    await mail.stop();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.disconnected');
    await end(daemon, signal);
  });

  it('while a delivery is under way; what was not accepted comes again, once', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    const registration = await registered(setting, 'slow');
    const sender = createSender({
      smtp: `smtp://127.0.0.1:${mail.smtp.port}`,
      from,
      key: await generateKey({ address: from, now: Date.now() }),
    });
    onTestFinished(() => sender.close());
    const inbox = registration.messages()[Symbol.asyncIterator]();
    const { id } = await sender.send(registration.endpoint, 'slowly');
    // The app has the message and thinks about it: its answer is not on the bus yet.
    expect((await inbox.next()).value).toMatchObject({ id });
    await end(daemon, signal);
    expect(mail.snapshot('alice@example.org').INBOX).toHaveLength(1);
    const again = await setting.start();
    await untilLogged(again, 'push.verified');
    await inbox.next().then(({ value }) => {
      expect(value).toMatchObject({ id });
      if (value !== undefined) (value as { accept(): void }).accept();
    });
    await untilLogged(again, 'push.removed');
    expect(mail.snapshot('alice@example.org').INBOX).toEqual([]);
  });
});

describe('the daemon', () => {
  it('ends with exit code 0 while it waits for a bus that does not answer', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'mailpush-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await chmod(directory, 0o700);
    const path = join(directory, 'bus');
    const bus = await silentServer({ path });
    const setting = await daemonSetting(143);
    const daemon = await setting.start({ environment: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` } });
    await bus.connection;
    await end(daemon, 'SIGTERM');
  });

  it('ends with exit code 69 when the bus does', async () => {
    const mail = await mailServer();
    const setting = await daemonSetting(mail.imap.port);
    const daemon = await setting.start();
    await untilLogged(daemon, 'imap.connected');
    await setting.bus.stop();
    const { code, stderr } = await daemon.ended;
    expect(stderr).toContain('mailpush: The D-Bus session has ended');
    expect(code).toBe(69);
    await expect.poll(() => mail.imapConnections().open).toBe(0);
  });
});
