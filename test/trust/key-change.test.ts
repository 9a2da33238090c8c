import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateKey, type PrivateKey } from '../../src/crypto/index.js';
import { createSender, type HandshakeMemory, type Sender } from '../../src/sender/index.js';
import { type BusApp, startBusApp } from '../apps/bus-app.js';
import { embedded } from '../mail-servers/embedded.js';
import { channelOf, createSetting, type Daemon, type Setting } from '../system/setting.js';
import { type Ended, runCommand } from '../tools/run-command.js';
import { forge, forgeKey, notify, targetOf } from './forge.js';

const service = 'org.example.App';
const from = 'push@app.example';

/** Of a sender that is sure that everybody has its key. */
const allKnown: HandshakeMemory = { get: () => ({ sent: 9, lastAt: Date.now() - 60_000 }), set: () => {} };

describe('who may push', () => {
  let setting: Setting;
  let daemon: Daemon;
  let app: BusApp;
  const senders: Sender[] = [];

  beforeAll(async () => {
    setting = await createSetting(await embedded.start());
    daemon = await setting.startDaemon();
    app = await startBusApp(setting.bus.address, { protocol: 2, service });
  });

  afterAll(async () => {
    await Promise.all(senders.map((sender) => sender.close()));
    await app?.close();
    await setting?.stop();
    await setting?.server.stop();
  });

  const newKey = (): Promise<PrivateKey> => generateKey({ address: from, now: Date.now() });

  function senderWith(key: PrivateKey, more: { next?: string; handshakes?: HandshakeMemory } = {}): Sender {
    const { host, port } = setting.server.smtp;
    const sender = createSender({ smtp: `smtp://${host}:${port}`, from, key, ...more });
    senders.push(sender);
    return sender;
  }

  async function endpointOf(token: string, more: Record<string, string> = {}): Promise<string> {
    await app.register2({ service, token, ...more });
    await expect.poll(() => app.endpoints(token)).not.toEqual([]);
    return app.endpoints(token)[0] ?? '';
  }

  const arrived = (token: string, payloads: readonly string[]): Promise<void> =>
    expect.poll(() => app.messages(token)).toEqual(payloads);

  const mailpush = (...args: string[]): Promise<Ended> =>
    runCommand(args, { environment: { DBUS_SESSION_BUS_ADDRESS: setting.bus.address } });

  it('is the first key, until it announces another one, which is alone from its first push on', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const endpoint = await endpointOf('announced');
    await senderWith(a).send(endpoint, '1, by a');
    await arrived('announced', ['1, by a']);
    await senderWith(b).send(endpoint, '2, by b, too early');
    expect((await daemon.logged('push.refused', endpoint)).reason).toBe(
      `It is signed by ${b.fingerprint}, pinned is ${a.fingerprint}.`,
    );
    await senderWith(a, { next: b.fingerprint }).send(endpoint, '3, by a');
    await arrived('announced', ['1, by a', '3, by a']);
    expect(JSON.parse((await mailpush('apps', '--json')).stdout).apps).toContainEqual(
      expect.objectContaining({ channel: channelOf(endpoint).slice(0, 6), sender: a.fingerprint, next: b.fingerprint }),
    );
    await senderWith(a).send(endpoint, '4, by a, which may until then');
    await senderWith(b).send(endpoint, '5, by b');
    await arrived('announced', ['1, by a', '3, by a', '4, by a, which may until then', '5, by b']);
    await senderWith(a).send(endpoint, '6, by a, too late');
    expect((await daemon.logged('push.refused', endpoint)).reason).toMatch(`pinned is ${b.fingerprint}.`);
  });

  it('is still the announced key after a restart', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const endpoint = await endpointOf('restarted');
    await senderWith(a, { next: b.fingerprint }).send(endpoint, 'by a');
    await arrived('restarted', ['by a']);
    await daemon.logged('push.removed', endpoint);
    await daemon.stop();
    daemon = await setting.startDaemon();
    await senderWith(b).send(endpoint, 'by b');
    await arrived('restarted', ['by a', 'by b']);
  });

  it('a push without a handshake waits for one, and nothing waits for it', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const [first, other] = [await endpointOf('waits'), await endpointOf('does not wait')];
    await senderWith(a, { handshakes: allKnown }).send(first, 'before the handshake');
    await daemon.logged('push.waiting-for-key', first);
    await senderWith(b).send(other, 'at once');
    await arrived('does not wait', ['at once']);
    await senderWith(a).send(first, 'with the handshake');
    await expect.poll(() => [...app.messages('waits')].sort()).toEqual(['before the handshake', 'with the handshake']);
  });

  it('is learned from a push that came too late', async () => {
    const key = await newKey();
    const endpoint = await endpointOf('late');
    const target = await targetOf(endpoint);
    const t = String(Math.floor(Date.now() / 1000) - 86_400);
    const inner = { 'Email-Notify': notify(target, 'late', { t, ttl: '60' }) };
    await setting.server.append('INBOX', (await forge(target, await forgeKey(key), { inner })).raw);
    await daemon.logged('push.expired', endpoint);
    await senderWith(key, { handshakes: allKnown }).send(endpoint, 'without a handshake');
    await arrived('late', ['without a handshake']);
  });

  it('is only the key that the app has named', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const endpoint = await endpointOf('named', { 'org.mailpush.sender': a.fingerprint });
    await senderWith(b).send(endpoint, 'first, but not named');
    expect((await daemon.logged('push.refused', endpoint)).reason).toMatch(`pinned is ${a.fingerprint}.`);
    await senderWith(a).send(endpoint, 'named');
    await arrived('named', ['named']);
  });

  it('is what the user says, by the channel', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const endpoint = await endpointOf('user');
    const channel = channelOf(endpoint).slice(0, 6);
    await senderWith(a).send(endpoint, 'by a');
    await arrived('user', ['by a']);
    const shown = b.fingerprint
      .toUpperCase()
      .replace(/(.{4})/g, '$1 ')
      .trim();
    expect(await mailpush('trust', channel, shown)).toEqual({
      code: 0,
      stdout: `Who may push is changed:\n${service} (${channel}): only ${b.fingerprint}.\n`,
      stderr: '',
    });
    await senderWith(a).send(endpoint, 'by a, no more');
    await daemon.logged('push.refused', endpoint);
    await senderWith(b).send(endpoint, 'by b');
    await arrived('user', ['by a', 'by b']);

    const reset = await mailpush('trust', channel, '--reset', '--json');
    expect(JSON.parse(reset.stdout)).toEqual({ changed: [{ service, channel }] });
    await senderWith(a).send(endpoint, 'by a again');
    await arrived('user', ['by a', 'by b', 'by a again']);
  });

  it('is said in the status when another one has tried', async () => {
    const [a, b] = [await newKey(), await newKey()];
    const endpoint = await endpointOf('seen');
    await senderWith(a).send(endpoint, 'by a');
    await arrived('seen', ['by a']);
    await senderWith(b).send(endpoint, 'by b');
    await daemon.logged('push.refused', endpoint);
    const sentence = `It is signed by ${b.fingerprint}, pinned is ${a.fingerprint}.`;
    await expect.poll(async () => (await mailpush('status')).stdout).toContain(sentence);
    expect((await mailpush('apps')).stdout).toContain(sentence);
  });

  it.each([
    ['an app that is not registered', ['org.example.Nobody', '--reset'], 1, /^mailpush: No such app is registered: /],
    ['a fingerprint that is none', [service, 'abc'], 2, /^mailpush: A fingerprint has 40 hexadecimal digits: /],
    ['neither a fingerprint nor --reset', [service], 2, /^mailpush: Give either /],
    ['both', [service, 'a'.repeat(40), '--reset'], 2, /^mailpush: Give either /],
  ])('is not changed for %s', async (_, args, code, message) => {
    const ended = await mailpush('trust', ...args);
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr.trimEnd()).not.toContain('\n');
  });
});
