import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun } from '../interop/outside-program.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../tools/temporary-directory.js';
import { createGatewayStage, type GatewayStage } from './gateway-stage.js';
import { askOverHttps, postJson } from './https-request.js';
import { type MatrixUser, type Synapse, startSynapse, synapseIsThere } from './synapse.js';
import type { WebPushApp } from './web-push-app.js';

const withSynapse = canRun('Synapse', synapseIsThere, 'scripts/test-servers');

describeEachMailServer('Matrix', { on: ({ name }) => name === 'hoodiecrow' }, (kind) => {
  let stage: GatewayStage;

  beforeAll(async () => {
    const server = await kind.start();
    // As long as an address may be for a push key that Matrix takes.
    const address = server.address.replace('@', `+${'x'.repeat(58)}@`);
    stage = await createGatewayStage({ ...server, address });
    await stage.startGateway();
    await stage.setting.startDaemon();
  });

  afterAll(async () => {
    await stage?.stop();
  });

  const notify = (): string => `${stage.url}/_matrix/push/v1/notify`;
  const received = (app: WebPushApp): unknown[] => app.bus.messages(app.token).map((text) => JSON.parse(text));

  it('hands on a notification, and names the push keys that are dead and no others', async () => {
    const [alive, dead] = [
      await stage.startApp({ service: 'org.example.Alive' }),
      await stage.startApp({ service: 'org.example.Dead' }),
    ];
    const { endpoint } = await alive.subscription();
    expect(endpoint.length).toBeLessThanOrEqual(512);
    const keys = [endpoint, (await dead.subscription()).endpoint];
    await dead.unregister();
    const notification = {
      event_id: '$3957tyerfgewrf384',
      room_id: '!slw48wfj34rtnrf:example.org',
      type: 'm.room.message',
      sender: '@bob:example.org',
      content: { msgtype: 'm.text', body: 'Grüße' },
      counts: { unread: 2 },
      devices: [...keys, `${stage.url}/p/AAAA`].map((pushkey) => ({ app_id: 'org.example.app', pushkey })),
    };
    await expect
      .poll(async () => {
        const { status, body } = await postJson(notify(), { notification });
        return { status, ...JSON.parse(body) };
      })
      .toEqual({ status: 200, rejected: [keys[1], `${stage.url}/p/AAAA`] });
    await expect.poll(() => received(alive)[0]).toMatchObject({ notification: { content: { body: 'Grüße' } } });
    expect(received(dead)).toEqual([]);
  });

  describe.runIf(withSynapse)('Synapse', () => {
    let directory: TemporaryDirectory;
    let synapse: Synapse;
    let alice: MatrixUser;
    let bob: MatrixUser;

    beforeAll(async () => {
      directory = await makeTemporaryDirectory();
      synapse = await startSynapse(directory.path);
      [alice, bob] = [await synapse.register('alice'), await synapse.register('bob')];
    });

    afterAll(async () => {
      await synapse?.stop();
      await directory?.remove();
    });

    const pushers = async (): Promise<unknown> => (await alice.call('GET', '/pushers')).pushers;

    it('pushes a message to the app, and takes its push key away when the app is gone', async () => {
      const app = await stage.startApp({ service: 'org.example.Matrix' });
      const { endpoint } = await app.subscription();
      const named = { app_display_name: 'App', device_display_name: 'Laptop', lang: 'en', app_id: 'org.example.app' };
      await alice.call('POST', '/pushers/set', { kind: 'http', pushkey: endpoint, data: { url: notify() }, ...named });
      const room = await bob.call('POST', '/createRoom', {
        preset: 'private_chat',
        is_direct: true,
        invite: [alice.id],
      });
      const id = encodeURIComponent(String(room.room_id));
      await alice.call('POST', `/rooms/${id}/join`, {});
      const say = async (text: string): Promise<void> => {
        await bob.call('PUT', `/rooms/${id}/send/m.room.message/${text}`, { msgtype: 'm.text', body: text });
      };
      await say('hello');
      await expect
        .poll(() => received(app), { timeout: 15_000 })
        .toContainEqual({
          notification: expect.objectContaining({ content: { msgtype: 'm.text', body: 'hello' }, sender: bob.id }),
        });
      expect(await pushers()).toHaveLength(1);
      await app.unregister();
      await expect.poll(async () => (await askOverHttps(endpoint)).status).toBe(410);
      await say('gone');
      await expect.poll(pushers, { timeout: 15_000 }).toEqual([]);
    });
  });
});
