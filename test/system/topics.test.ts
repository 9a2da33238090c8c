import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Connector, createConnector, type Registration } from '../../src/connector/index.js';
import { createRuntime } from '../../src/runtime.js';
import { createSender, generateKey, type PrivateKey, type Sender } from '../../src/sender/index.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { createSetting, type Daemon, type Setting } from './setting.js';

const from = 'push@app.example';
const service = 'org.example.App';

describeEachMailServer('topics', { on: ({ name }) => ['hoodiecrow', 'Dovecot'].includes(name) }, (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;
  let key: PrivateKey;
  const senders: Sender[] = [];

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    key = await generateKey({ address: from, now: Date.now() });
    daemon = await setting.startDaemon();
    connector = await createConnector({ service, busAddress: setting.bus.address });
  });

  afterAll(async () => {
    await Promise.all(senders.map((sender) => sender.close()));
    await connector?.close();
    await setting?.stop();
  });

  /** The one app server, as if it had sent everything so many seconds ago. */
  function appServer(secondsAgo = 0): Sender {
    const { host, port } = setting.server.smtp;
    const runtime = { ...createRuntime(), now: () => Date.now() - secondsAgo * 1000 };
    const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key, runtime });
    senders.push(sender);
    return sender;
  }

  /** Everything that the app gets, up to and with this text. */
  async function readUntil(registration: Registration, last: string): Promise<string[]> {
    const got: string[] = [];
    for await (const message of registration.messages()) {
      message.accept();
      const text = Buffer.from(message.data).toString();
      got.push(text);
      if (text === last) return got;
    }
    throw new Error('The registration has ended.');
  }

  async function expectEmptyMailbox(): Promise<void> {
    const mails = async () => Object.values(await setting.server.snapshot()).flat();
    await expect.poll(mails, { timeout: 10_000 }).toEqual([]);
  }

  it('bring only the latest of what came while the daemon was down, and both mails are removed', async () => {
    const registration = await connector.register({ token: 'daemon down' });
    const { endpoint } = registration;
    expect(await daemon.stop()).toBe(0);
    const sender = appServer();
    for (const text of ['old news', 'news']) await sender.send(endpoint, text, { topic: 'news' });
    for (const text of ['no topic', 'none either']) await sender.send(endpoint, text);
    for (const text of ['old weather', 'weather']) await sender.send(endpoint, text, { topic: 'weather' });
    await sender.send(endpoint, 'end');
    daemon = await setting.startDaemon();
    const got = await readUntil(registration, 'end');
    expect(got).toEqual(['news', 'no topic', 'none either', 'weather', 'end']);
    await expectEmptyMailbox();
  });

  it('bring only the latest of what came while the app was away', async () => {
    const away = await createConnector({ service: 'org.example.Away', busAddress: setting.bus.address });
    const { endpoint } = await away.register({ token: 'app away' });
    await away.close();
    const sender = appServer();
    await sender.send(endpoint, 'old', { topic: 'news' });
    await daemon.logged('push.unreachable', endpoint);
    await sender.send(endpoint, 'new', { topic: 'news' });
    await daemon.logged('push.superseded', endpoint);
    await sender.send(endpoint, 'end');
    const back = await createConnector({ service: 'org.example.Away', busAddress: setting.bus.address });
    try {
      expect(await readUntil(await back.register({ token: 'app away' }), 'end')).toEqual(['new', 'end']);
    } finally {
      await back.close();
    }
    await expectEmptyMailbox();
  });

  it('stop one that comes late, also after a restart', async () => {
    const registration = await connector.register({ token: 'late' });
    const { endpoint } = registration;
    await appServer().send(endpoint, 'new', { topic: 'news' });
    expect(await readUntil(registration, 'new')).toEqual(['new']);
    await daemon.logged('push.removed', endpoint);
    await appServer(30).send(endpoint, 'late', { topic: 'news' });
    await daemon.logged('push.superseded', endpoint);
    await daemon.kill();
    daemon = await setting.startDaemon();
    await appServer(20).send(endpoint, 'too late', { topic: 'news' });
    await daemon.logged('push.superseded', endpoint);
    await appServer(10).send(endpoint, 'another topic', { topic: 'weather' });
    expect(await readUntil(registration, 'another topic')).toEqual(['another topic']);
    await expectEmptyMailbox();
  });
});
