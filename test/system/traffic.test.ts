import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Connector, createConnector, type Registration } from '../../src/connector/index.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const thousands = 3000;

describeEachMailServer('bytes on the wire', (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;
  let registration: Registration;
  let messages: AsyncIterator<{ accept(): void }>;

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    daemon = await setting.startDaemon();
    connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
    registration = await connector.register({ token: 'traffic' });
    messages = registration.messages()[Symbol.asyncIterator]();
  });

  afterAll(async () => {
    await connector?.close();
    await setting?.stop();
  });

  const bytes = (): number => {
    const { bytesFromClients, bytesToClients } = setting.server.connections();
    return bytesFromClients + bytesToClients;
  };

  async function push(): Promise<void> {
    await setting.sender.send(registration.endpoint, 'x');
    const { value } = await messages.next();
    value.accept();
    await daemon.logged('push.removed', registration.endpoint);
  }

  /** Bytes of one push, the first being apart because it may find more to do. */
  async function bytesOfPush(): Promise<number> {
    await push();
    const before = bytes();
    await push();
    return bytes() - before;
  }

  async function bytesOfStart(): Promise<number> {
    await daemon.stop();
    const before = bytes();
    daemon = await setting.startDaemon();
    return bytes() - before;
  }

  it('of a push and of a start do not grow with the mailbox', { timeout: 60_000 }, async () => {
    const small = { push: await bytesOfPush(), start: await bytesOfStart() };
    await daemon.stop();
    const letter = Buffer.from('From: bob@example.org\r\nSubject: hello\r\n\r\nhello\r\n');
    await setting.server.appendAll(
      'INBOX',
      Array.from({ length: thousands }, () => letter),
    );
    daemon = await setting.startDaemon();
    const large = { push: await bytesOfPush(), start: await bytesOfStart() };
    // Longer numbers and one round of IDLE more or less; a byte for every letter would be thousands.
    expect(large.push).toBeLessThan(small.push + 1000);
    expect(large.start).toBeLessThan(small.start + 1000);
  });
});
