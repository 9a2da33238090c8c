import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connector, createConnector } from '../../src/connector/index.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { openInbox } from './inbox.js';
import { fillMailbox, type Letter, snapshot, snapshotApartFromHandled } from './ordinary-mail.js';
import { channelOf, createSetting, type Daemon, type Setting } from './setting.js';

const everyByte = new Uint8Array(4096).map((_, index) => index % 256);

describeEachMailServer('the main job', (kind) => {
  let setting: Setting;
  let daemon: Daemon;
  let connector: Connector;
  let ordinary: Record<string, Letter[]>;

  beforeAll(async () => {
    setting = await createSetting(await kind.start());
    await fillMailbox(setting.server);
    ordinary = await snapshot(setting.server);
    daemon = await setting.startDaemon();
    connector = await createConnector({ service: 'org.example.App', busAddress: setting.bus.address });
  });

  afterAll(async () => {
    await connector?.close();
    await setting?.stop();
  });

  it('brings payloads of 1 to 4096 bytes with every byte value, in order', async () => {
    const registration = await connector.register({ token: 'payloads' });
    const inbox = openInbox(registration);
    const payloads = [new Uint8Array([0]), everyByte, new Uint8Array([255]), everyByte.slice(0, 256)];
    for (const payload of payloads) await setting.sender.send(registration.endpoint, payload);
    for (const payload of payloads) expect(Buffer.from((await inbox.next()).data)).toEqual(Buffer.from(payload));
  });

  it('carries the push id of the sender as message id', async () => {
    const registration = await connector.register({ token: 'ids' });
    const inbox = openInbox(registration);
    const { id } = await setting.sender.send(registration.endpoint, 'x');
    expect((await inbox.next()).id).toBe(id);
  });

  it('brings each of five pushes in a row without the pause of an automatic IDLE', { timeout: 14_000 }, async () => {
    const registration = await connector.register({ token: 'row' });
    const inbox = openInbox(registration);
    for (const text of ['1', '2', '3', '4', '5']) {
      await setting.sender.send(registration.endpoint, text);
      expect(Buffer.from((await inbox.next()).data).toString()).toBe(text);
    }
  });

  it('brings five pushes that are sent at once', { timeout: 14_000 }, async () => {
    const registration = await connector.register({ token: 'at once' });
    const inbox = openInbox(registration);
    const texts = ['1', '2', '3', '4', '5'];
    await Promise.all(texts.map((text) => setting.sender.send(registration.endpoint, text)));
    for (const text of texts) expect(Buffer.from((await inbox.next()).data).toString()).toBe(text);
  });

  it('gives one token one channel, whoever asks how often', async () => {
    const [one, two] = await Promise.all([
      connector.register({ token: 'same' }),
      connector.register({ token: 'same', description: 'again' }),
    ]);
    const third = await connector.register({ token: 'same' });
    expect(new Set([one.endpoint, two.endpoint, third.endpoint]).size).toBe(1);
  });

  it('refuses a second app server on the same channel, and still hears the first', async () => {
    const registration = await connector.register({ token: 'pinned' });
    const inbox = openInbox(registration);
    await setting.sender.send(registration.endpoint, 'first');
    expect(Buffer.from((await inbox.next()).data).toString()).toBe('first');
    const intruder = await setting.anotherSender('intruder@app.example');
    await intruder.send(registration.endpoint, 'let me in');
    expect((await daemon.logged('push.refused', registration.endpoint)).reason).toMatch(
      /^It is signed by \w{40}, pinned is \w{40}\.$/,
    );
    await setting.sender.send(registration.endpoint, 'second');
    expect(Buffer.from((await inbox.next()).data).toString()).toBe('second');
  });

  it('leaves a letter that names our channel but does not open, and goes on', async () => {
    const registration = await connector.register({ token: 'letter' });
    const inbox = openInbox(registration);
    const letter = `Email-Notify: v=1; c=${channelOf(registration.endpoint)}\r\nSubject: to you\r\n\r\nA letter of my own.\r\n`;
    const uid = await setting.server.append('INBOX', Buffer.from(letter), {});
    await daemon.logged('push.unreadable', registration.endpoint);
    await setting.sender.send(registration.endpoint, 'still there');
    expect(Buffer.from((await inbox.next()).data).toString()).toBe('still there');
    await daemon.logged('push.removed', registration.endpoint);
    const kept = (await snapshot(setting.server)).INBOX?.find((message) => message.uid === uid);
    expect(kept).toMatchObject({ raw: letter, flags: '' });
    if (kept !== undefined) ordinary.INBOX?.push(kept);
  });

  it('delivers nothing after the app has unregistered, and clears its late pushes away', async () => {
    const registration = await connector.register({ token: 'leaving' });
    const { endpoint } = registration;
    await registration.unregister();
    await setting.sender.send(endpoint, 'too late');
    await daemon.logged('push.retired', endpoint);
    await daemon.logged('push.removed', endpoint);
  });

  it('keeps what comes while the app is away until it appears again', async () => {
    const away = await createConnector({ service: 'org.example.Away', busAddress: setting.bus.address });
    const { endpoint } = await away.register({ token: 'away' });
    await away.close();
    await setting.sender.send(endpoint, 'kept');
    await daemon.logged('push.unreachable', endpoint);
    const back = await createConnector({ service: 'org.example.Away', busAddress: setting.bus.address });
    try {
      const inbox = openInbox(await back.register({ token: 'away' }));
      expect(Buffer.from((await inbox.next()).data).toString()).toBe('kept');
    } finally {
      await back.close();
    }
  });

  it('keeps the endpoint over a restart and brings what came meanwhile, once each', async () => {
    const registration = await connector.register({ token: 'restart' });
    const inbox = openInbox(registration);
    expect(await daemon.stop()).toBe(0);
    const texts = ['one', 'two', 'three'];
    for (const text of texts) await setting.sender.send(registration.endpoint, text);
    daemon = await setting.startDaemon();
    const got: string[] = [];
    for (const _ of texts) got.push(Buffer.from((await inbox.next()).data).toString());
    expect(got).toEqual(texts);
    expect((await connector.register({ token: 'restart' })).endpoint).toBe(registration.endpoint);
    for (const _ of texts) await daemon.logged('push.removed', registration.endpoint);
  });

  it('survives being killed with pushes under way', async () => {
    const registration = await connector.register({ token: 'killed' });
    await Promise.all(['a', 'b', 'c'].map((text) => setting.sender.send(registration.endpoint, text)));
    await daemon.logged('push.found', registration.endpoint);
    await daemon.kill();
    daemon = await setting.startDaemon();
    const inbox = openInbox(registration);
    const got = new Map<string, string>();
    while (got.size < 3) {
      const { id, data } = await inbox.next();
      got.set(id, Buffer.from(data).toString());
    }
    expect([...got.values()].sort()).toEqual(['a', 'b', 'c']);
  });

  it('survives the loss of its connection with pushes under way', async () => {
    const registration = await connector.register({ token: 'cut' });
    const inbox = openInbox(registration);
    await Promise.all(['a', 'b', 'c'].map((text) => setting.sender.send(registration.endpoint, text)));
    await daemon.logged('push.found', registration.endpoint);
    setting.server.interrupt();
    setting.server.resume();
    const got = new Map<string, string>();
    while (got.size < 3) {
      const { id, data } = await inbox.next();
      got.set(id, Buffer.from(data).toString());
    }
    expect([...got.values()].sort()).toEqual(['a', 'b', 'c']);
  });

  describe('afterwards', () => {
    it('every push mail is where the server lets it be, and every ordinary message is as it was', async () => {
      const registration = await connector.register({ token: 'last' });
      await setting.sender.send(registration.endpoint, 'last');
      await openInbox(registration).next();
      await daemon.logged('push.removed', registration.endpoint);
      const { kind } = setting.server.handled;
      const end = { mailbox: ordinary, handled: kind === 'removed' ? 0 : setting.pushesSent() };
      await expect.poll(() => snapshotApartFromHandled(setting.server), { timeout: 10_000 }).toEqual(end);
    });

    it('there was one IMAP connection at any time', () => {
      expect(setting.server.connections().mostOpen).toBe(1);
    });
  });
});
