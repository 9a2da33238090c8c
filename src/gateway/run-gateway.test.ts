import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../test/tools/free-port.js';
import { startTestSmtp, type TestSmtpBehaviour, type TestSmtpServer } from '../../test/tools/test-smtp-server.js';
import { armorPrivateKey, formatAutocrypt, generateKey, type PrivateKey } from '../crypto/index.js';
import { formatChannel, type MailEndpoint } from '../notify-spec/index.js';
import { createRuntime } from '../runtime.js';
import type { GatewayOptions } from './gateway-options.js';
import { runGateway } from './run-gateway.js';
import { createSealer } from './sealer.js';

const from = 'push@app.example';
const publicUrl = 'https://push.example.org';
const secrets = [new Uint8Array(randomBytes(32))];
let key: PrivateKey;
let alice: MailEndpoint;

beforeAll(async () => {
  const now = Date.now();
  key = await generateKey({ address: from, now });
  const address = 'alice@example.org';
  const { publicKey } = await generateKey({ address, now });
  const autocrypt = formatAutocrypt({ address, keydata: publicKey.keydata });
  alice = { address, channel: formatChannel(randomBytes(20)), autocrypt };
});

interface Logged {
  readonly event?: string;
  readonly port?: number;
}

/** A gateway in this process, which ends after the test. */
interface Running {
  readonly logged: readonly (Logged & Record<string, unknown>)[];
  readonly event: (name: string) => Promise<Logged>;
  readonly get: (path: string) => Promise<Response>;
  readonly push: () => Promise<Response>;
  readonly abort: () => void;
  readonly ended: Promise<void>;
}

async function startSmtp(behaviour?: TestSmtpBehaviour): Promise<TestSmtpServer> {
  const smtp = await startTestSmtp(behaviour);
  onTestFinished(smtp.close);
  return smtp;
}

function run(smtpPort: number, options: Partial<GatewayOptions> = {}): Running {
  const logged: (Logged & Record<string, unknown>)[] = [];
  const note = (facts: object, message: string): void => void logged.push({ ...facts, message });
  const runtime = createRuntime({ debug: () => {}, info: note, warn: note, error: note });
  const controller = new AbortController();
  const ended = runGateway(
    {
      listen: { host: '127.0.0.1', port: 0 },
      publicUrl,
      secrets,
      smtp: { host: '127.0.0.1', port: smtpPort },
      from,
      key: armorPrivateKey(key),
      version: '1.2.3',
      runtime,
      ...options,
    },
    controller.signal,
  );
  ended.catch(() => {}); // looked at by the test
  onTestFinished(async () => {
    controller.abort();
    await ended.catch(() => {});
  });
  const find = (name: string): Logged | undefined => logged.find(({ event }) => event === name);
  const event = async (name: string): Promise<Logged> => {
    await expect.poll(() => find(name)).toBeDefined();
    return find(name) ?? {};
  };
  const urlOf = async (path: string): Promise<string> =>
    `http://127.0.0.1:${(await event('gateway.ready')).port}${path}`;
  return {
    logged,
    event,
    get: async (path) => fetch(await urlOf(path)),
    push: async () => {
      const { url } = await createSealer({ secrets, sender: key.fingerprint, publicUrl, runtime }).sealEndpoint(
        alice,
        undefined,
      );
      return await fetch(await urlOf(new URL(url).pathname), { method: 'POST', headers: { TTL: '60' }, body: 'hello' });
    },
    abort: () => controller.abort(),
    ended,
  };
}

async function healthOf(gateway: Running): Promise<[number, Record<string, unknown>]> {
  const answer = await gateway.get('/health');
  return [answer.status, (await answer.json()) as Record<string, unknown>];
}

/** A server that takes connections and says nothing. */
async function startSilent(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    onClose.push(() => socket.destroy());
  });
  const onClose: (() => void)[] = [];
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const close of onClose) close();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as { port: number }).port, connections: () => connections };
}

describe('a gateway', () => {
  it('takes pushes, tells how it is, and ends when it is told to', async () => {
    const smtp = await startSmtp();
    const gateway = run(smtp.port);
    const since = expect.any(Number) as number;
    expect(await healthOf(gateway)).toEqual([200, { status: 'ok', smtp: { state: 'ok', since }, version: '1.2.3' }]);
    expect((await gateway.push()).status).toBe(201);
    const [mail] = smtp.given;
    expect(mail?.to).toBe('alice@example.org');
    // Its key is with the devices already.
    expect(mail?.raw.toString()).not.toMatch(/^Autocrypt:/m);
    const { port } = await gateway.event('gateway.ready');
    gateway.abort();
    await gateway.ended;
    await gateway.event('gateway.ended');
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it('counts for Prometheus, and names nobody there or in its log', async () => {
    const smtp = await startSmtp({ onMail: (_, count) => (count === 2 ? { code: 554, text: '5.7.1 No' } : undefined) });
    const gateway = run(smtp.port);
    expect((await gateway.push()).status).toBe(201);
    expect((await gateway.push()).status).toBeGreaterThan(201);
    await gateway.get(`/p/${'A'.repeat(200)}`);
    await gateway.get('/nowhere/alice@example.org');
    await expect.poll(async () => (await gateway.get('/metrics')).text()).toContain('route="none"');
    const answer = await gateway.get('/metrics');
    expect(answer.headers.get('content-type')).toContain('text/plain');
    const text = await answer.text();
    for (const line of [
      'mailpush_gateway_mails_total{kind="push",outcome="sent"} 1',
      'mailpush_gateway_mails_total{kind="push",outcome="ERR_SMTP_REFUSED"} 1',
      'mailpush_gateway_requests_total{method="POST",route="/p/:sealed",status="201"} 1',
      'mailpush_gateway_requests_total{method="GET",route="/p/:sealed",status="404"} 1',
      'mailpush_gateway_build_info{version="1.2.3"} 1',
      'mailpush_gateway_smtp_up 1',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('mailpush_gateway_redis_up');
    const told = text + JSON.stringify(gateway.logged);
    for (const secret of ['alice', 'app.example', alice.channel, 'AAAAAAAA', '127.0.0.1'])
      expect(told).not.toContain(secret);
  });

  it('starts without its SMTP server, says that nothing can be pushed, and that it can again', async () => {
    const port = await freePort();
    const gateway = run(port, { times: { smtpAskMs: 0, pushMs: 500 } });
    expect(await healthOf(gateway)).toMatchObject([503, { status: 'failing', smtp: { state: 'failing' } }]);
    await gateway.event('gateway.smtp.failing');
    const refused = await gateway.push();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const relay = createServer();
    const smtp = await startSmtp();
    relay.on('connection', (socket) => {
      const inner = connect(smtp.port, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      for (const each of [socket, inner]) each.on('error', () => each.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void relay.close());
    await expect.poll(() => healthOf(gateway)).toMatchObject([200, { status: 'ok' }]);
    await expect.poll(async () => (await gateway.push()).status).toBe(201);
  });

  it('waits for no server that says nothing, and asks it once for all who ask', async () => {
    const silent = await startSilent();
    const gateway = run(silent.port, { times: { smtpAnswerMs: 200 } });
    await gateway.event('gateway.ready');
    expect(silent.connections()).toBe(1);
    const all = await Promise.all(Array.from({ length: 20 }, () => healthOf(gateway)));
    for (const health of all) expect(health).toMatchObject([503, { status: 'failing' }]);
    expect(silent.connections()).toBe(2);
    await healthOf(gateway);
    expect(silent.connections()).toBe(2);
  });

  it('starts without its Redis, and says that nothing is shared', async () => {
    const smtp = await startSmtp();
    const gateway = run(smtp.port, { redis: { url: `redis://127.0.0.1:${await freePort()}`, password: 'geheim' } });
    expect(await healthOf(gateway)).toMatchObject([200, { status: 'degraded', redis: { state: 'failing' } }]);
    expect((await gateway.push()).status).toBe(201);
    expect(await (await gateway.get('/metrics')).text()).toContain('mailpush_gateway_redis_up 0');
    await gateway.event('gateway.redis.failing');
    expect(JSON.stringify(gateway.logged)).not.toContain('geheim');
  });

  it('does not start when the SMTP server refuses the login', async () => {
    const smtp = await startSmtp({ login: { user: 'push', pass: 'right' } });
    const gateway = run(smtp.port, {
      smtp: { host: '127.0.0.1', port: smtp.port, auth: { user: 'push', pass: 'wrong' } },
    });
    await expect(gateway.ended).rejects.toMatchObject({ code: 'ERR_SMTP_LOGIN' });
  });

  it('does not start where another program listens', async () => {
    const smtp = await startSmtp();
    const { port } = await startSilent();
    const gateway = run(smtp.port, { listen: { host: '127.0.0.1', port } });
    await expect(gateway.ended).rejects.toMatchObject({ code: 'ERR_LISTEN_IN_USE', disposition: 'action-required' });
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it.each<[string, Partial<GatewayOptions>, string]>([
    ['an address that is not of this machine', { listen: { host: '192.0.2.1', port: 0 } }, 'gateway.listen'],
    ['plain HTTP to others', { publicUrl: 'http://push.example.org' }, 'gateway.public_url'],
    ['a path in its URL', { publicUrl: 'https://push.example.org/push' }, 'gateway.public_url'],
    ['a user in its URL', { publicUrl: 'https://a@push.example.org' }, 'gateway.public_url'],
    ['no URL', { publicUrl: 'push.example.org' }, 'gateway.public_url'],
    ['no key', { key: 'x' }, 'gateway.key_file'],
    ['the key of another address', { from: 'other@app.example' }, 'gateway.key_file'],
    ['no address', { from: 'other' }, 'gateway.key_file'],
    ['another kind of database', { redis: { url: 'mysql://a:geheim@localhost' } }, 'gateway.redis'],
    ['no host of Redis', { redis: { url: 'redis://' } }, 'gateway.redis'],
  ])('does not start with %s, and says which key to mend', async (_, options, named) => {
    const smtp = await startSmtp();
    const error = await run(smtp.port, options).ended.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_CONFIG_KEY', message: expect.stringContaining(named) });
    expect((error as Error).message).not.toContain('geheim');
    await expect.poll(() => smtp.open()).toBe(0);
  });
});
