import { createECDH } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { embedded } from '../mail-servers/embedded.js';
import { describeEachMailServer } from '../mail-servers/index.js';
import { runCommand } from '../tools/run-command.js';
import { startTestSmtp } from '../tools/test-smtp-server.js';
import { createEndpointStage, createIdentity, type EndpointStage, patience } from './endpoint-stage.js';

const dayMs = 24 * 60 * 60_000;

/** A stage for one test, on a mail server of its own. */
async function stageOf(): Promise<EndpointStage> {
  const server = await embedded.start();
  const stage = await createEndpointStage(server);
  onTestFinished(async () => {
    await stage.stop();
    await server.stop();
  });
  return stage;
}

describeEachMailServer(
  'endpoints of a gateway',
  { on: ({ name }) => ['hoodiecrow', 'Dovecot'].includes(name) },
  ({ start }) => {
    it('come to an app by themselves, and take pushes until it unregisters', async () => {
      const stage = await createEndpointStage(await start());
      onTestFinished(() => stage.stop());
      await stage.startGateway();
      await stage.startDaemon();
      const app = await stage.startApp();
      await stage.register(app, 'one');
      const endpoint = await stage.nextEndpoint(app, 'one');
      expect(endpoint.startsWith(`${stage.url}/p/`)).toBe(true);
      expect(await stage.push(endpoint, 'hello')).toBe(201);
      await expect.poll(() => app.messages('one'), patience).toEqual(['hello']);

      await stage.register(app, 'one');
      await expect.poll(() => app.endpoints('one'), patience).toEqual([endpoint, endpoint]);
      await stage.register(app, 'two');
      expect(await stage.nextEndpoint(app, 'two')).not.toBe(endpoint);

      await app.unregister('one');
      await expect.poll(() => stage.push(endpoint, 'late'), patience).toBe(410);
      const { stdout } = await runCommand(['status', '--json'], {
        environment: { DBUS_SESSION_BUS_ADDRESS: stage.setting.bus.address },
      });
      expect(JSON.parse(stdout)).toMatchObject({
        endpoints: 'gateway',
        gateway: { url: stage.url, state: 'ready', sealed: 1, unsealed: 0 },
        problems: [],
      });
      for (const line of stage.logged) expect(line).not.toMatch(/\/p\/|mailto|alice|Bearer/);
    });
  },
);

it('an app that registers offline has its endpoint when the gateway is there, after a restart too', async () => {
  const stage = await stageOf();
  const daemon = await stage.startDaemon();
  const app = await stage.startApp();
  await stage.register(app, 'one');
  await daemon.stop();
  await stage.startDaemon();
  await stage.startGateway();
  const endpoint = await stage.nextEndpoint(app, 'one');
  expect(await stage.push(endpoint, 'hello')).toBe(201);
  await expect.poll(() => app.messages('one'), patience).toEqual(['hello']);
});

it('an app that names the key of its app server has a mailto endpoint at once', async () => {
  const stage = await stageOf();
  await stage.startDaemon();
  const app = await stage.startApp();
  await stage.register(app, 'one', { 'org.mailpush.sender': 'a'.repeat(40) });
  expect(await stage.nextEndpoint(app, 'one')).toMatch(/^mailto:/);
});

it('a gateway that has lost its secret, or has another key, gives other endpoints', async () => {
  const stage = await stageOf();
  const gateway = await createIdentity();
  const first = await stage.startGateway(gateway);
  const times = { checkMs: 500 };
  await stage.startDaemon({ times });
  const app = await stage.startApp();
  await stage.register(app, 'one');
  const lost = await stage.nextEndpoint(app, 'one');

  await first.stop();
  const other = await createIdentity();
  const second = await stage.startGateway({ ...gateway, secret: other.secret });
  const sealed = await stage.nextEndpoint(app, 'one', lost);
  expect(await stage.push(lost, 'nobody hears that')).toBe(404);
  expect(await stage.push(sealed, 'by the old key')).toBe(201);
  await expect.poll(() => app.messages('one'), patience).toEqual(['by the old key']);

  await second.stop();
  await stage.startGateway(other);
  const moved = await stage.nextEndpoint(app, 'one', sealed);
  expect(await stage.push(moved, 'by the new key')).toBe(201);
  await expect.poll(() => app.messages('one'), patience).toEqual(['by the old key', 'by the new key']);
});

it('setting and unsetting the gateway brings other endpoints, and the old ones go on', async () => {
  const stage = await stageOf();
  await stage.startGateway();
  const without = await stage.startDaemon({ url: null });
  const app = await stage.startApp();
  await stage.register(app, 'one');
  const mailto = await stage.nextEndpoint(app, 'one');
  expect(mailto).toMatch(/^mailto:/);
  await without.stop();

  const withGateway = await stage.startDaemon();
  const sealed = await stage.nextEndpoint(app, 'one', mailto);
  await stage.setting.sender.send(mailto, 'by mail');
  expect(await stage.push(sealed, 'by the gateway')).toBe(201);
  await expect.poll(() => app.messages('one').sort(), patience).toEqual(['by mail', 'by the gateway']);
  await withGateway.stop();

  await stage.startDaemon({ url: null });
  expect(await stage.nextEndpoint(app, 'one', sealed)).toMatch(/^mailto:/);
  expect(await stage.push(sealed, 'still')).toBe(201);
  await expect.poll(() => app.messages('one').sort(), patience).toEqual(['by mail', 'by the gateway', 'still']);

  await app.unregister('one');
  await expect.poll(() => stage.push(sealed, 'late'), patience).toBe(410);
});

it('a grant that the mail server takes for spam is found', async () => {
  const server = await embedded.start();
  const smtp = await startTestSmtp({ onMail: async ({ raw }) => void (await server.append('Junk', raw)) });
  const stage = await createEndpointStage(server, { host: '127.0.0.1', port: smtp.port });
  onTestFinished(async () => {
    await stage.stop();
    await smtp.close();
    await server.stop();
  });
  await stage.startGateway();
  await stage.startDaemon({
    times: { repeatGrantMs: dayMs, repeatGrantMaxMs: dayMs },
    imapTimes: { junkLookMs: 300, idleRestartMs: 300 },
  });
  const app = await stage.startApp();
  await stage.register(app, 'one');
  expect(await stage.nextEndpoint(app, 'one')).toContain('/p/');
});

it('an endpoint is renewed before its seal expires, and the old one goes on', async () => {
  const stage = await stageOf();
  await stage.startGateway();
  const daemon = await stage.startDaemon();
  const app = await stage.startApp();
  await stage.register(app, 'one');
  const endpoint = await stage.nextEndpoint(app, 'one');
  await daemon.stop();
  await stage.startDaemon({ now: () => Date.now() + 61 * dayMs });
  await stage.nextEndpoint(app, 'one', endpoint);
  expect(await stage.push(endpoint, 'old')).toBe(201);
});

it('another key of the app server makes another endpoint, and the old one is revoked', async () => {
  const stage = await stageOf();
  await stage.startGateway();
  await stage.startDaemon();
  const app = await stage.startApp();
  const vapid = (): string => createECDH('prime256v1').generateKeys('base64url');
  await stage.register(app, 'one', { vapid: vapid() });
  const endpoint = await stage.nextEndpoint(app, 'one');
  expect(await stage.push(endpoint, 'unsigned')).toBe(401);
  await stage.register(app, 'one', { vapid: vapid() });
  const other = await stage.nextEndpoint(app, 'one', endpoint);
  await expect.poll(() => stage.push(endpoint, 'late'), patience).toBe(410);
  expect(await stage.push(other, 'unsigned')).toBe(401);
});
