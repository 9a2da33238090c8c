import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startPrivateBus } from '../../src/demo/private-bus.js';
import { createSender, generateKey } from '../../src/sender/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { daemonSetting, mailServer, untilLogged, user } from './daemon-setting.js';

const from = 'push@app.example';
const never = (): Promise<never> => new Promise(() => {});

/** A daemon that has a push with an app that hangs, and others behind it. */
async function busyDaemon() {
  const mail = await mailServer();
  const setting = await daemonSetting(mail.imap.port);
  const daemon = await setting.start();
  await untilLogged(daemon, 'imap.connected');
  const key = await generateKey({ address: from, now: Date.now() });
  const sender = createSender({ smtp: `smtp://127.0.0.1:${mail.smtp.port}`, from, key });
  onTestFinished(() => sender.close());
  const app = await appOn(setting.bus.address, 'org.example.App');
  app.answer = async (member) => (member === 'Message' ? await never() : [{}]);
  const nameless = await appOn(setting.bus.address);
  const endpoint = await endpointOf(app);
  const lost = await endpointOf(nameless);
  for (const text of ['one', 'two', 'three']) await sender.send(endpoint, text);
  await expect.poll(() => app.messages(app.service)).toEqual(['one']);
  return { mail, setting, daemon, sender, endpoint, lost };
}

async function appOn(address: string, service?: string): Promise<BusApp> {
  const app = await startBusApp(address, { protocol: 2, ...(service === undefined ? {} : { service }) });
  onTestFinished(() => app.close());
  return app;
}

async function endpointOf(app: BusApp): Promise<string> {
  await app.register2({ service: app.service, token: app.service });
  await expect.poll(() => app.endpoints(app.service)).toHaveLength(1);
  return app.endpoints(app.service)[0] ?? '';
}

describe('when the bus dies while pushes are under way', () => {
  it('the daemon ends with 69; on the next bus everything arrives, and connections of the old one are over', async () => {
    const { mail, setting, daemon, sender, endpoint, lost } = await busyDaemon();
    process.kill(setting.bus.pid, 'SIGKILL');
    const { code, stderr } = await daemon.ended;
    expect(stderr).toContain('mailpush: The D-Bus session has ended');
    expect(code).toBe(69);
    expect(mail.snapshot(user.address).INBOX).toHaveLength(3);

    const bus = await startPrivateBus({ directory: join(setting.directory, 'next bus') });
    onTestFinished(() => bus.stop());
    const app = await appOn(bus.address, 'org.example.App');
    const again = await setting.start({ environment: { DBUS_SESSION_BUS_ADDRESS: bus.address } });
    await untilLogged(again, 'app.unregistered');
    await sender.send(lost, 'for nobody');
    await sender.send(endpoint, 'four');
    await expect.poll(() => app.messages(app.service)).toEqual(['one', 'two', 'three', 'four']);
    await untilLogged(again, 'push.retired');
    await expect.poll(() => mail.snapshot(user.address).INBOX).toEqual([]);
    again.kill('SIGTERM');
    expect((await again.ended).code).toBe(0);
  });

  it('the daemon ends with 69 also while its mail server is down', async () => {
    const { mail, setting, daemon } = await busyDaemon();
    await mail.stop();
    await untilLogged(daemon, 'imap.disconnected');
    process.kill(setting.bus.pid, 'SIGKILL');
    expect((await daemon.ended).code).toBe(69);
  });
});

describe('a bus that hangs', () => {
  it('does not keep the daemon from its end', async () => {
    const { setting, daemon } = await busyDaemon();
    process.kill(setting.bus.pid, 'SIGSTOP');
    onTestFinished(() => void process.kill(setting.bus.pid, 'SIGCONT'));
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
  });

  it('for a while delays pushes, and loses none', async () => {
    const { setting, daemon, sender, mail } = await busyDaemon();
    const app = await appOn(setting.bus.address, 'org.example.Patient');
    const endpoint = await endpointOf(app);
    process.kill(setting.bus.pid, 'SIGSTOP');
    const wake = (): void => void process.kill(setting.bus.pid, 'SIGCONT');
    onTestFinished(wake);
    await sender.send(endpoint, 'later');
    await expect.poll(() => mail.snapshot(user.address).INBOX).toHaveLength(4);
    wake();
    await expect.poll(() => app.messages(app.service)).toEqual(['later']);
    await expect.poll(() => mail.snapshot(user.address).INBOX).toHaveLength(3);
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
  });
});
