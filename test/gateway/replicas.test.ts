import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatAutocrypt, generateKey, open, type PrivateKey } from '../../src/crypto/index.js';
import { formatChannel, formatEndpoint, readInner, readMail } from '../../src/notify-spec/index.js';
import { freePort } from '../tools/free-port.js';
import { type Answer, ask } from '../tools/gateway-fixture.js';
import { describeWithRedis, type RedisServer, startRedisServer } from '../tools/redis-server.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../tools/temporary-directory.js';
import { type GivenMail, startTestSmtp, type TestSmtpServer } from '../tools/test-smtp-server.js';
import { type GatewayProcess, startGatewayProcess, writeGatewayConfig } from './gateway-process.js';

const publicUrl = 'https://push.example.org';
const json = ['Content-Type', 'application/json'] as const;

interface Replica extends GatewayProcess {
  readonly port: number;
}

/** A mailbox with a control channel and an app's channel of the same key, as a distributor has them. */
interface Mailbox {
  readonly address: string;
  readonly key: PrivateKey;
  readonly endpoint: string;
}

async function createMailbox(address: string): Promise<Mailbox> {
  const key = await generateKey({ address, now: Date.now() });
  const autocrypt = formatAutocrypt({ address, keydata: key.publicKey.keydata });
  return { address, key, endpoint: formatEndpoint({ address, channel: formatChannel(randomBytes(20)), autocrypt }) };
}

async function openMail({ raw }: GivenMail, { key }: Mailbox): Promise<{ id: string; payload: string }> {
  const { armored } = await readMail(raw);
  const { data } = await open(armored, { key, signers: [], now: Date.now() });
  const { push, payload } = readInner(data);
  return { id: push.id ?? '', payload: Buffer.from(payload).toString() };
}

const post = (port: number, path: string, body: unknown, headers: readonly (readonly [string, string])[] = []) =>
  ask(port, { method: 'POST', path, headers: [json, ...headers], body: JSON.stringify(body) });
const from = (client: string) => [['X-Forwarded-For', client] as const];
const askGrant = (port: number, { endpoint }: Pick<Mailbox, 'endpoint'>, client: string): Promise<Answer> =>
  post(port, '/v1/grants', { endpoint, nonce: randomBytes(16).toString('base64url') }, from(client));
const push = (port: number, url: string, body: string): Promise<Answer> =>
  ask(port, { method: 'POST', path: url.slice(publicUrl.length), headers: [['TTL', '60']], body });
const look = (port: number, url: string): Promise<Answer> => ask(port, { path: url.slice(publicUrl.length) });
const countOf = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

describeWithRedis('two replicas with one Redis', () => {
  let directory: TemporaryDirectory;
  let redis: RedisServer;
  let smtp: TestSmtpServer;
  let held: Promise<void> | undefined;
  let one: Replica;
  let other: Replica;
  const all: Replica[] = [];

  async function startReplica(): Promise<Replica> {
    const first = join(directory.path, '0');
    const port = await freePort();
    const config = await writeGatewayConfig({
      directory: join(directory.path, String(all.length)),
      publicUrl,
      port,
      smtp: { host: '127.0.0.1', port: smtp.port },
      tls: false,
      more: `redis = "${redis.url}"\n`,
      ...(all.length === 0 ? {} : { replicaOf: first }),
    });
    const replica = { ...(await startGatewayProcess(config)), port };
    all.push(replica);
    return replica;
  }

  /** Has an endpoint sealed: the grant from one replica, the seal from the other. */
  async function register(mailbox: Mailbox, client: string): Promise<{ url: string; grant: string }> {
    expect((await askGrant(one.port, mailbox, client)).status).toBe(202);
    const mail = smtp.given.findLast(({ to }) => to === mailbox.address);
    if (mail === undefined) throw new Error('There is no mail with a grant.');
    const { grant } = JSON.parse((await openMail(mail, mailbox)).payload) as { grant: string };
    const bearer = ['Authorization', `Bearer ${grant}`] as const;
    const sealed = await post(other.port, '/v1/endpoints', { endpoint: mailbox.endpoint }, [bearer]);
    expect(sealed.status).toBe(201);
    return { url: (sealed.body as { endpoint: string }).endpoint, grant };
  }

  /** What the mails to a mailbox hold, grants left out. */
  async function pushesTo(mailbox: Mailbox): Promise<{ id: string; payload: string }[]> {
    const mails = smtp.given.filter(({ to }) => to === mailbox.address);
    const opened = await Promise.all(mails.map((mail) => openMail(mail, mailbox)));
    return opened.filter(({ payload }) => !payload.startsWith('{"version"'));
  }

  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
    redis = await startRedisServer();
    smtp = await startTestSmtp({
      onMail: async () => {
        await held;
        return undefined;
      },
    });
    one = await startReplica();
    other = await startReplica();
  });

  afterAll(async () => {
    await Promise.all(all.map((replica) => replica.stop()));
    await smtp.close();
    await redis.stop();
    await directory.remove();
  });

  it('take pushes to what the other has sealed, 300 between them', async () => {
    const mailbox = await createMailbox('alice@example.org');
    const { url } = await register(mailbox, '192.0.2.1');
    const answers: Answer[] = [];
    // Each alone would take as many: 200 of 400.
    for (let round = 0; round < 40; round += 1) {
      const batch = Array.from({ length: 10 }, (_, index) =>
        push(index % 2 ? one.port : other.port, url, `${round} ${index}`),
      );
      answers.push(...(await Promise.all(batch)));
    }
    // With each minute that ends meanwhile it is 10 more.
    const taken = countOf(answers, 201);
    expect(taken).toBeGreaterThanOrEqual(300);
    expect(taken).toBeLessThan(400);
    expect(answers.length - taken).toBe(countOf(answers, 429));
    expect(await pushesTo(mailbox)).toHaveLength(taken);
    const refused = answers.findLast(({ status }) => status === 429);
    expect(refused?.headers['retry-after']).toMatch(/^\d{1,4}$/);
  });

  it('mail one grant between them, however many are asked for at once and by whatever sub-address', async () => {
    const mailbox = await createMailbox('bob@example.org');
    const mailboxes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => createMailbox(`bob+${index}@example.org`)),
    );
    const answers = await Promise.all(
      mailboxes.map((each, index) => askGrant(index % 2 ? one.port : other.port, each, `192.0.2.${100 + index}`)),
    );
    expect([countOf(answers, 202), countOf(answers, 429)]).toEqual([1, 49]);
    expect(smtp.given.filter(({ to }) => to.startsWith('bob'))).toHaveLength(1);
    for (const { port } of [one, other]) {
      const answer = await askGrant(port, mailbox, '192.0.2.99');
      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3000);
    }
  });

  it('know at once what the other has revoked, and still after Redis was restarted empty', async () => {
    const mailbox = await createMailbox('carol@example.org');
    const { url, grant } = await register(mailbox, '192.0.2.3');
    expect((await look(one.port, url)).status).toBe(200);
    const headers = [json, ['Authorization', `Bearer ${grant}`] as const];
    const body = JSON.stringify({ endpoint: url });
    const revoked = await ask(one.port, { method: 'DELETE', path: '/v1/endpoints', headers, body });
    expect(revoked.status).toBe(204);
    for (const { port } of [one, other]) {
      expect(await push(port, url, 'x')).toMatchObject({ status: 410, body: { errno: 106 } });
    }
    const kept = await createMailbox('dave@example.org');
    const { url: alive } = await register(kept, '192.0.2.4');

    await redis.kill();
    const healthOf = async ({ port }: Replica): Promise<unknown> => {
      const { status, body } = await ask(port, { path: '/health' });
      return [status, (body as { status: string }).status];
    };
    for (const replica of [one, other]) await expect.poll(() => healthOf(replica)).toEqual([200, 'degraded']);
    // Nothing is lost meanwhile.
    expect(await Promise.all([push(one.port, alive, 'a'), push(other.port, alive, 'b')])).toMatchObject([
      { status: 201 },
      { status: 201 },
    ]);
    expect((await push(one.port, url, 'x')).status).toBe(410);
    const unsure = await ask(one.port, { method: 'DELETE', path: '/v1/endpoints', headers, body });
    expect(unsure).toMatchObject({ status: 503, body: { errno: 202 } });

    await redis.start();
    for (const replica of [one, other]) await expect.poll(() => healthOf(replica)).toEqual([200, 'ok']);
    for (const { port } of [one, other]) await expect.poll(async () => (await look(port, url)).status).toBe(410);
    expect((await look(other.port, alive)).status).toBe(200);
    expect((await pushesTo(kept)).map(({ payload }) => payload).sort()).toEqual(['a', 'b']);
  });

  it('lose nothing that was accepted when one is killed under load, and the other goes on', async () => {
    const doomed = await startReplica();
    const mailboxes = await Promise.all(['erin', 'frank', 'grace'].map((name) => createMailbox(`${name}@example.org`)));
    const urls: string[] = [];
    for (const mailbox of mailboxes) urls.push((await register(mailbox, '192.0.2.5')).url);
    const accepted = new Set<string>();
    let attempts = 0;
    let broken = 0;
    const send = async (url: string, text: string): Promise<void> => {
      for (const port of [doomed.port, one.port]) {
        attempts += 1;
        if (attempts === 25) await doomed.kill();
        try {
          const { status, headers } = await push(port, url, text);
          expect(status).toBe(201);
          accepted.add(headers.location?.split('/').at(-1) ?? '');
          return;
        } catch (error) {
          if ((error as { code?: string }).code === undefined) throw error;
          broken += 1;
        }
      }
      throw new Error('No replica answers.');
    };
    const work = urls.flatMap((url, which) =>
      Array.from({ length: 20 }, (_, index) => () => send(url, `${which} ${index}`)),
    );
    const worker = async (): Promise<void> => {
      for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(broken).toBeGreaterThan(0);
    expect(accepted.size).toBe(60);
    const arrived = new Set((await Promise.all(mailboxes.map(pushesTo))).flat().map(({ id }) => id));
    expect([...accepted].filter((id) => !arrived.has(id))).toEqual([]);
  });

  it('finish what is under way when they are told to end, and take nothing new', async () => {
    const ending = await startReplica();
    const mailbox = await createMailbox('heidi@example.org');
    const { url } = await register(mailbox, '192.0.2.6');
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    try {
      const before = smtp.given.length;
      const pushing = push(ending.port, url, 'last');
      await expect.poll(() => smtp.given.length).toBe(before + 1);
      process.kill(ending.pid, 'SIGTERM');
      await ending.logged('gateway.ending');
      await expect.poll(() => look(ending.port, url).catch(({ code }) => code)).toBe('ECONNREFUSED');
      release();
      const answer = await pushing;
      expect(answer.status).toBe(201);
      expect(answer.headers.connection).toBe('close');
    } finally {
      release();
      held = undefined;
    }
    expect(await ending.ended).toBe(0);
    expect((await pushesTo(mailbox)).map(({ payload }) => payload)).toEqual(['last']);
  });
});
