import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { armorPrivateKey } from '../../src/crypto/index.js';
import { startGatewayProcess, writeGatewayConfig } from '../gateway/gateway-process.js';
import { createGatewayStage } from '../gateway/gateway-stage.js';
import { createVapidKeys } from '../gateway/push-library.js';
import { sealWith } from '../gateway/seal-with.js';
import { testAuthority } from '../mail-servers/dovecot.js';
import { embedded } from '../mail-servers/embedded.js';
import { createSetting } from '../system/setting.js';
import { freePort } from '../tools/free-port.js';
import { type Ended, type RunningCommand, startProgram } from '../tools/run-command.js';
import { from, useSenderFixture } from '../tools/sender-fixture.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import type { TestSmtpServer } from '../tools/test-smtp-server.js';

const example = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const fixture = useSenderFixture();

function start(name: string, args: readonly string[], environment: Record<string, string> = {}): RunningCommand {
  const node = name.endsWith('.js') ? [process.execPath] : [];
  const [program = '', ...words] = [...node, example(name), ...args];
  return startProgram(program, words, {
    environment: { NODE_EXTRA_CA_CERTS: testAuthority, CURL_CA_BUNDLE: testAuthority, ...environment },
  });
}

const run = (...started: Parameters<typeof start>): Promise<Ended> => start(...started).ended;

/** A gateway in front of a mail server that keeps what it is given, and its endpoint for Alice's channel. */
async function gatewayFor(vapid?: string): Promise<{ readonly smtp: TestSmtpServer; readonly endpoint: string }> {
  const smtp = await fixture().startSmtp();
  const directory = join(await temporaryDirectory(), 'gateway');
  const port = await freePort();
  const publicUrl = `https://localhost:${port}`;
  const server = { host: '127.0.0.1', port: smtp.port };
  const config = await writeGatewayConfig({ directory, publicUrl, port, smtp: server, tls: true });
  const gateway = await startGatewayProcess(config);
  onTestFinished(async () => void (await gateway.stop()));
  const endpoint = await sealWith(directory, publicUrl, fixture().alice.endpoint, vapid);
  return { smtp, endpoint };
}

describe('the example of an app, and of an app server that mails', () => {
  it('reach each other over a mailbox and the distributor, and the app keeps who it is', async () => {
    const server = await embedded.start();
    onTestFinished(() => server.stop());
    const setting = await createSetting(server);
    onTestFinished(() => setting.stop());
    await setting.startDaemon();
    const { directory } = setting;
    const environment = { DBUS_SESSION_BUS_ADDRESS: setting.bus.address };
    const appFile = join(directory, 'app.json');
    const app = start('app.js', [appFile], environment);
    const [subscription] = await app.said('stdout', /^\{"endpoint".*\}$/m);

    const subscriptions = join(directory, 'subscriptions.json');
    await writeFile(subscriptions, `[${subscription}]`);
    const key = join(directory, 'push.asc');
    await writeFile(key, armorPrivateKey(fixture().senderKey), { mode: 0o600 });
    const smtp = `smtp://${server.smtp.host}:${server.smtp.port}`;
    const ended = await run('app-server.js', [subscriptions, 'Hello app'], { SMTP: smtp, FROM: from, KEY: key });
    expect(ended).toEqual({
      code: 0,
      stdout: '1 of 1 pushes are on their way, 0 endpoints are no more.\n',
      stderr: '',
    });
    await app.said('stdout', /^\{"id":"[^"]+","text":"Hello app"\}$/m);
    expect(
      Object.values(JSON.parse(await readFile(join(directory, 'handshakes.json'), 'utf8')) as object),
    ).toHaveLength(1);

    app.kill('SIGTERM');
    expect(await app.ended).toMatchObject({ code: 0, stderr: '' });
    const again = start('app.js', [appFile], environment);
    expect((await again.said('stdout', /^\{"endpoint".*\}$/m))[0]).toBe(subscription);
  });

  it('forgets endpoints that are no more, and keeps those that may work later', async () => {
    const { alice, startSmtp, senderKey } = fixture();
    const smtp = await startSmtp({
      onRecipient: (address) => (address.startsWith('gone') ? { code: 550, text: '5.1.1 No such user' } : undefined),
    });
    const directory = await temporaryDirectory();
    const [file, key] = [join(directory, 'subscriptions.json'), join(directory, 'push.asc')];
    const there = { endpoint: alice.endpoint };
    const gone = { endpoint: alice.endpoint.replaceAll('alice', 'gone') };
    await writeFile(file, JSON.stringify([gone, there]));
    await writeFile(key, armorPrivateKey(senderKey), { mode: 0o600 });
    const environment = { SMTP: `smtp://127.0.0.1:${smtp.port}`, FROM: from, KEY: key };
    const { code, stdout, stderr } = await run('app-server.js', [file], environment);
    expect(stderr).toMatch(/^1: .* \[ERR_ENDPOINT_GONE, rejected\]\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '1 of 2 pushes are on their way, 1 endpoints are no more.\n' });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual([there]);
    expect(smtp.given).toHaveLength(1);
  });
});

describe('the examples for a gateway', () => {
  it("push with npm's web-push, signed with VAPID", async () => {
    const vapid = createVapidKeys();
    const { smtp, endpoint } = await gatewayFor(vapid.publicKey);
    const file = join(await temporaryDirectory(), 'subscription.json');
    const p256dh = createVapidKeys().publicKey;
    await writeFile(file, JSON.stringify({ endpoint, keys: { p256dh, auth: randomBytes(16).toString('base64url') } }));
    const environment = {
      VAPID_SUBJECT: 'mailto:push@app.example',
      VAPID_PUBLIC_KEY: vapid.publicKey,
      VAPID_PRIVATE_KEY: vapid.privateKey,
    };
    expect(await run('web-push.js', [file, 'Hello'], environment)).toEqual({
      code: 0,
      stdout: 'The gateway has mailed it.\n',
      stderr: '',
    });
    expect(smtp.given).toHaveLength(1);
    const unsigned = await run('web-push.js', [file, 'Hello']);
    expect(unsigned.stderr).toMatch(/^Refused with 401: \{"code":401/);
    expect(unsigned.code).toBe(1);
    await writeFile(file, JSON.stringify({ endpoint: `${endpoint}x`, keys: { p256dh, auth: 'A'.repeat(22) } }));
    expect((await run('web-push.js', [file, 'Hello'], environment)).stderr).toBe(
      'This endpoint is no more: forget it.\n',
    );
    expect(smtp.given).toHaveLength(1);
  });

  it('push with curl, and say what is wrong', async () => {
    const { smtp, endpoint } = await gatewayFor();
    expect(await run('curl.sh', [endpoint, 'Hello from a shell'])).toEqual({ code: 0, stdout: '201\n', stderr: '' });
    expect(smtp.given.map(({ to }) => to)).toEqual(['alice@example.org']);
    const { code, stdout } = await run('curl.sh', [`${endpoint}x`, 'Hello']);
    expect(stdout).toMatch(/^\{"code":404,"errno":102,.*\}404\n$/s);
    expect(code).toBe(22);
  });

  it('push to the example of an app, whose distributor gets its endpoint from the gateway', {
    timeout: 60_000,
  }, async () => {
    const server = await embedded.start();
    onTestFinished(() => server.stop());
    const stage = await createGatewayStage(server);
    onTestFinished(() => stage.stop());
    await stage.startGateway();
    await stage.setting.startDaemon();
    const { directory, bus } = stage.setting;
    const app = start('app.js', [join(directory, 'app.json')], { DBUS_SESSION_BUS_ADDRESS: bus.address });
    const [subscription] = await app.said('stdout', /^\{"endpoint":"https:.*\}$/m);
    const file = join(directory, 'subscription.json');
    await writeFile(file, subscription);
    expect((await run('web-push.js', [file, 'Hello app'])).stdout).toBe('The gateway has mailed it.\n');
    await app.said('stdout', /^\{"id":"[^"]+","text":"Hello app"\}$/m);
  });
});
