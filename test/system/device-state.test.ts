import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Connector, createConnector, type Registration } from '../../src/connector/index.js';
import { createRuntime } from '../../src/runtime.js';
import { createSender, generateKey, type PrivateKey, type PushOptions } from '../../src/sender/index.js';
import { type DeviceServices, describeWithDeviceServices, startDeviceServices } from '../device/device-services.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { runCommand } from '../tools/run-command.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const from = 'push@app.example';

// What the device is like has nothing to do with the mail server.
const options = { on: ({ name }: { readonly name: string }) => name === 'hoodiecrow' };

describeWithDeviceServices('the state of the device', () => {
  describeEachMailServer('the state of the device', options, (kind) => {
    let setting: Setting;
    let machine: DeviceServices;
    let daemon: Daemon;
    let connector: Connector;
    let key: PrivateKey;

    beforeAll(async () => {
      [setting, machine] = await Promise.all([
        kind.start().then((server) => createSetting(server)),
        startDeviceServices(),
      ]);
      key = await generateKey({ address: from, now: Date.now() });
      connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    });

    afterAll(async () => {
      await connector?.close();
      await setting?.stop();
      await machine?.stop();
    });

    /** Starts the daemon on this machine; `offline`: it does not reach its mailbox. */
    async function start(bus = machine.bus, offline = false): Promise<void> {
      daemon = await setting.startDaemon({
        offline,
        verbose: true,
        environment: { DBUS_SYSTEM_BUS_ADDRESS: bus.address },
      });
    }

    beforeEach(async () => {
      await Promise.all((['upower', 'networkmanager', 'logind'] as const).map((name) => machine.start(name)));
      await machine.power({ plugged: true, percent: 80 });
      await machine.network({ metered: 0, state: 70 });
      await start();
    });

    afterEach(async () => {
      expect(await daemon.stop()).toBe(0);
    });

    /** Sends from the one app server, as if it had been so many seconds ago. */
    async function push(endpoint: string, text: string, sendOptions: PushOptions, secondsAgo = 0): Promise<void> {
      const { host, port } = setting.server.smtp;
      const runtime = { ...createRuntime(), now: () => Date.now() - secondsAgo * 1000 };
      const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key, runtime });
      await sender.send(endpoint, text, sendOptions);
      await sender.close();
    }

    /** Everything that the app gets, as it comes. */
    function inboxOf(registration: Registration): string[] {
      const got: string[] = [];
      void (async () => {
        for await (const message of registration.messages()) {
          got.push(Buffer.from(message.data).toString());
          message.accept();
        }
      })().catch(() => {});
      return got;
    }

    /** Resolves when the daemon knows that it must hold what is below this urgency. */
    async function untilMinimum(minimum: string): Promise<void> {
      for (;;) if ((await daemon.logged('device.changed')).minimum === minimum) return;
    }

    /** What `mailpush status` says. */
    async function status(): Promise<unknown> {
      const environment = { DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
      return JSON.parse((await runCommand(['status', '--json'], { environment })).stdout);
    }

    it('holds what is not urgent until the charger is plugged in', async () => {
      const registration = await connector.register({ token: 'charger' });
      const { endpoint } = registration;
      const inbox = inboxOf(registration);
      await machine.network({ metered: 1 });
      await machine.power({ plugged: false });
      await untilMinimum('normal');
      await push(endpoint, 'low', { urgency: 'low' });
      await daemon.logged('push.held', endpoint);
      expect(await status()).toMatchObject({
        device: { power: 'on battery', network: 'metered', minimumUrgency: 'normal' },
        waiting: { urgency: 1 },
        problems: [],
      });
      await push(endpoint, 'normal', { urgency: 'normal' });
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['normal']);
      await machine.power({ plugged: true });
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['normal', 'low']);
    });

    it('lets only what is most urgent through when the battery is low, and the rest when UPower is gone', async () => {
      const registration = await connector.register({ token: 'low battery' });
      const { endpoint } = registration;
      const inbox = inboxOf(registration);
      await machine.power({ plugged: false, percent: 15 });
      await untilMinimum('high');
      await push(endpoint, 'normal', { urgency: 'normal' });
      await daemon.logged('push.held', endpoint);
      await push(endpoint, 'high', { urgency: 'high' });
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['high']);
      await machine.end('upower');
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['high', 'normal']);
    });

    it('hands over what is held before its time is up', async () => {
      const registration = await connector.register({ token: 'ttl' });
      const { endpoint } = registration;
      const inbox = inboxOf(registration);
      await machine.power({ plugged: false, percent: 15 });
      await untilMinimum('high');
      // Held for half of its 80 s, of which 35 are over.
      await push(endpoint, 'short', { urgency: 'very-low', ttl: 80 }, 35);
      await push(endpoint, 'long', { urgency: 'very-low' });
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['short']);
    });

    it('still holds after a restart', async () => {
      const registration = await connector.register({ token: 'restart' });
      const { endpoint } = registration;
      const inbox = inboxOf(registration);
      await machine.power({ plugged: false });
      await untilMinimum('low');
      await push(endpoint, 'ad', { urgency: 'very-low' });
      await daemon.logged('push.held', endpoint);
      await daemon.kill();
      setting.server.interrupt();
      await start(machine.bus, true);
      await untilMinimum('low');
      setting.server.resume();
      await daemon.logged('push.held', endpoint);
      expect(inbox).toEqual([]);
      await machine.power({ plugged: true });
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['ad']);
    });

    it('goes on as if nothing were known when the system bus hangs or dies', async () => {
      const registration = await connector.register({ token: 'bus' });
      const { endpoint } = registration;
      const inbox = inboxOf(registration);
      const other = await startDeviceServices();
      await other.start('upower');
      await other.power({ plugged: false });
      await daemon.stop();
      await start(other.bus);
      await untilMinimum('low');
      await push(endpoint, 'held', { urgency: 'very-low' });
      await daemon.logged('push.held', endpoint);
      process.kill(other.bus.pid, 'SIGSTOP');
      await push(endpoint, 'passes', { urgency: 'normal' });
      await daemon.logged('push.removed', endpoint);
      process.kill(other.bus.pid, 'SIGKILL');
      await daemon.logged('push.removed', endpoint);
      expect(inbox).toEqual(['passes', 'held']);
      await other.stop();
    });

    it.each([
      ['the machine wakes up', 'resumed'],
      ['the network is back', 'network'],
    ])('tries the mail server at once when %s', { timeout: 60_000 }, async (_, reason) => {
      const registration = await connector.register({ token: reason });
      const inbox = inboxOf(registration);
      await machine.network({ state: 20, metered: 2 });
      await untilMinimum('very-low');
      setting.server.interrupt();
      let pause: { retryMs: number; since: number };
      do {
        const { retryMs, time } = await daemon.logged('imap.disconnected');
        pause = { retryMs: Number(retryMs), since: Date.parse(String(time)) };
      } while (pause.retryMs < 5000);
      setting.server.resume();
      await (reason === 'resumed' ? machine.sleep(false) : machine.network({ state: 70 }));
      expect(await daemon.logged('device.woken')).toMatchObject({ reason });
      const { time } = await daemon.logged('imap.connected');
      expect(Date.parse(String(time))).toBeLessThan(pause.since + pause.retryMs);
      await push(registration.endpoint, 'after', {});
      await daemon.logged('push.removed', registration.endpoint);
      expect(inbox).toEqual(['after']);
    });
  });
});
