import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MailUser } from '../../src/demo/embedded-imap.js';
import { type MailServer, startMailServer } from '../../src/demo/mail-server.js';
import { testUser } from '../mail-servers/test-mail-server.js';
import { freePort } from '../tools/free-port.js';
import { shiftedClock } from '../tools/shifted-clock.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../tools/temporary-directory.js';
import { type GatewayProcess, startGatewayProcess, writeGatewayConfig } from './gateway-process.js';
import { createHandMadeDistributor, type GrantPayload, type HandMadeDistributor } from './hand-made-distributor.js';
import { askOverHttps, type HttpAnswer, postJson } from './https-request.js';
import { createVapidKeys, startWebPush } from './push-library.js';

const bob = { address: 'bob@example.org', password: 'battery staple' };
const dayMs = 24 * 60 * 60_000;

/** The parts of an answer that say what it is. */
const told = ({ status, body }: HttpAnswer): unknown => ({ status, errno: JSON.parse(body).errno });

describe('grants of a gateway', () => {
  let directory: TemporaryDirectory;
  let server: MailServer;
  let url: string;
  let config: string;
  let gateway: GatewayProcess;
  let names = 0;

  async function writeConfig(port: number, replicaOf?: string): Promise<string> {
    names += 1;
    return await writeGatewayConfig({
      directory: join(directory.path, String(names)),
      publicUrl: `https://localhost:${port}`,
      port,
      smtp: server.smtp,
      tls: true,
      ...(replicaOf !== undefined && { replicaOf }),
    });
  }

  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
  });

  // Its limits are in memory and the mailboxes too, so each test begins with both of them anew.
  async function begin(...more: readonly MailUser[]): Promise<void> {
    server = await startMailServer({ users: [testUser, bob, ...more] });
    const port = await freePort();
    url = `https://localhost:${port}`;
    config = await writeConfig(port);
    gateway = await startGatewayProcess(config);
  }

  afterEach(async () => {
    await gateway?.stop();
    await server?.stop();
  });

  afterAll(async () => {
    await directory?.remove();
  });

  const mailsOf = (address: string): readonly Uint8Array[] =>
    Object.values(server.snapshot(address)).flatMap((folder) => folder.map(({ bytes }) => bytes));

  /** Asks for a grant and reads it in the mailbox. */
  async function obtain(distributor: HandMadeDistributor, mailbox: string): Promise<GrantPayload> {
    expect(await distributor.ask()).toMatchObject({ status: 202, body: '{}' });
    const [grant] = await distributor.grantsIn(mailsOf(mailbox));
    if (grant === undefined) throw new Error('There is no grant in the mailbox.');
    return grant;
  }

  it('is needed for an endpoint: a missing, made up, changed, expired or foreign one is a 401', async () => {
    await begin();
    const alice = await createHandMadeDistributor(url, testUser.address);
    const { grant, expires, gateway: named } = await obtain(alice, testUser.address);
    expect(named).toBe(url);
    expect(expires * 1000 - Date.now()).toBeGreaterThan(89 * dayMs);

    const refused = { status: 401, errno: 109 };
    expect(told(await alice.seal(undefined))).toEqual(refused);
    const bytes = Buffer.from(grant, 'base64url');
    const changed = (index: number): string => {
      const copy = Buffer.from(bytes);
      copy[index] = (copy[index] ?? 0) ^ 1;
      return copy.toString('base64url');
    };
    for (const other of [
      'x',
      '',
      randomBytes(bytes.length).toString('base64url'),
      changed(0),
      changed(2),
      changed(20),
    ]) {
      expect(told(await alice.seal(other))).toEqual(refused);
    }
    // A sealed endpoint is no grant, although it is sealed with the same secret.
    const sealed = JSON.parse((await alice.seal(grant)).body) as { endpoint: string };
    expect(told(await alice.seal(sealed.endpoint.slice(`${url}/p/`.length)))).toEqual(refused);

    const port = await freePort();
    const foreign = await startGatewayProcess(await writeConfig(port));
    try {
      const there = await createHandMadeDistributor(`https://localhost:${port}`, testUser.address);
      expect(told(await there.seal(grant))).toEqual(refused);
    } finally {
      await foreign.stop();
    }

    await gateway.stop();
    gateway = await startGatewayProcess(config, shiftedClock(91 * dayMs));
    expect(told(await alice.seal(grant))).toEqual(refused);
  });

  it('is in the mailbox and nowhere else, whoever asks for it', async () => {
    await begin();
    // Mallory has the key of the channel, but not Bob's mailbox.
    const mallory = await createHandMadeDistributor(url, bob.address);
    const answer = await mallory.ask();
    expect(answer).toMatchObject({ status: 202, body: '{}' });
    expect(JSON.stringify(answer)).not.toMatch(/grant/i);
    expect(mailsOf(testUser.address)).toEqual([]);
    const mails = mailsOf(bob.address);
    expect(mails).toHaveLength(1);
    // Nothing of it can be read on the way.
    const [grant] = await mallory.grantsIn(mails);
    expect(Buffer.from(mails[0] ?? []).toString('latin1')).not.toContain(String(grant?.grant));
    // Nor can whoever reads the mailbox do so who did not ask for it.
    expect(await (await createHandMadeDistributor(url, bob.address)).grantsIn(mails)).toEqual([]);
  });

  it('is good for its own address alone', async () => {
    await begin();
    const alice = await createHandMadeDistributor(url, testUser.address);
    const { grant } = await obtain(alice, testUser.address);
    const mallory = await createHandMadeDistributor(url, bob.address);
    const bobs = mallory.endpoint;
    const refused = { status: 403, errno: 109 };
    expect(told(await alice.seal(grant, { endpoint: bobs }))).toEqual(refused);
    for (const address of ['alice@example.com', 'malice@example.org', 'alice@example.org.example.com']) {
      const { endpoint } = await createHandMadeDistributor(url, address);
      expect(told(await alice.seal(grant, { endpoint }))).toEqual(refused);
    }
    const { endpoint } = JSON.parse((await alice.seal(grant)).body) as { endpoint: string };
    const bobsGrant = await obtain(mallory, bob.address);
    expect((await mallory.revoke(bobsGrant.grant, endpoint)).status).toBe(403);
    expect((await mallory.revoke(undefined, endpoint)).status).toBe(401);
    expect((await askOverHttps(endpoint)).status).toBe(200);
    expect((await alice.revoke(grant, endpoint)).status).toBe(204);
    expect(told(await askOverHttps(endpoint))).toEqual({ status: 410, errno: 106 });
  });

  it('is mailed once an hour to a mailbox, however its address is written', async () => {
    await begin();
    const same = ['alice@example.org', 'ALICE@EXAMPLE.org', 'alice+one@example.org', 'Alice+two@example.org'];
    const answers = await Promise.all(
      same.map(async (address) => await (await createHandMadeDistributor(url, address)).ask()),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 429, 429, 429]);
    for (const { status, headers, body } of answers) {
      if (status !== 429) continue;
      expect(JSON.parse(body)).toMatchObject({ code: 429, errno: 201 });
      const seconds = Number(headers['retry-after']);
      expect(seconds).toBeGreaterThan(3500);
      expect(seconds).toBeLessThanOrEqual(3600);
    }
    expect(mailsOf(testUser.address)).toHaveLength(1);
    const answer = await (await createHandMadeDistributor(url, bob.address)).ask();
    expect(answer.status).toBe(202);
  });

  it('cannot be used to mail anything but a grant, or to anybody but one address', async () => {
    await begin();
    const { endpoint } = await createHandMadeDistributor(url, testUser.address);
    const nonce = randomBytes(16).toString('base64url');
    const bad: readonly unknown[] = [
      {},
      { endpoint },
      { endpoint, nonce: 'short' },
      { endpoint, nonce: `${nonce}!` },
      { endpoint, nonce: 'A'.repeat(400) },
      { endpoint: 'mailto:alice@example.org', nonce },
      { endpoint: endpoint.replace('alice@', 'alice@example.org,bob@'), nonce },
      { endpoint: `${endpoint}&cc=bob@example.org`, nonce },
      { endpoint: `${endpoint}&subject=buy`, nonce },
      { endpoint: endpoint.replace('?', '%0D%0ABcc:%20bob@example.org?'), nonce },
      { endpoint: 'https://example.org/', nonce },
      [],
      'x',
      null,
    ];
    for (const value of bad)
      expect(told(await postJson(`${url}/v1/grants`, value))).toEqual({ status: 400, errno: 115 });
    const text = { headers: { 'Content-Type': 'text/plain' }, method: 'POST', body: 'x' };
    expect((await askOverHttps(`${url}/v1/grants`, text)).status).toBeGreaterThanOrEqual(400);
    expect([...mailsOf(testUser.address), ...mailsOf(bob.address)]).toEqual([]);
  });

  it('seals what is pushed to, for 90 days, and no key of an app server that is none', async () => {
    await begin();
    const alice = await createHandMadeDistributor(url, testUser.address);
    const { grant } = await obtain(alice, testUser.address);
    for (const vapid of ['short', 'A'.repeat(87), 7, '']) {
      expect(told(await alice.seal(grant, { vapid }))).toEqual({ status: 400, errno: 115 });
    }
    const keys = createVapidKeys();
    const answer = await alice.seal(grant, { vapid: keys.publicKey });
    expect(answer.status).toBe(201);
    const { endpoint, expires, sender } = JSON.parse(answer.body) as Record<string, string | number>;
    expect(sender).toMatch(/^[0-9a-f]{40}$/i);
    expect(Math.round((Number(expires) * 1000 - Date.now()) / dayMs)).toBe(90);
    const subscription = { endpoint: String(endpoint), keys: { p256dh: keys.publicKey, auth: 'A'.repeat(22) } };
    const push = await startWebPush().send(subscription, { payload: 'x', vapid: keys });
    expect(push.status).toBe(201);
    // The mail of a push, unlike that of a grant, has no Autocrypt header.
    const mails = mailsOf(testUser.address).map((raw) => Buffer.from(raw).toString('latin1'));
    expect(mails.map((mail) => /^Autocrypt:/m.test(mail))).toEqual([true, false]);
  });

  it('gives URLs of at most 512 bytes for addresses of up to 80 bytes, with the key of an app server', async () => {
    const addresses = [
      'bob@mail.example.org',
      ...[40, 60, 80].map((length) => `alice+push@${'m'.repeat(length - 23)}.example.org`),
    ];
    const mailbox = (address: string): string => address.replace('+push', '');
    await begin(...addresses.map((address) => ({ address: mailbox(address), password: 'correct horse' })));
    const { publicKey } = createVapidKeys();
    const measured: number[][] = [];
    for (const address of addresses) {
      const owner = await createHandMadeDistributor(url, address);
      const { grant } = await obtain(owner, mailbox(address));
      const [without, withKey] = [await owner.seal(grant), await owner.seal(grant, { vapid: publicKey })];
      const urls = [without, withKey].map(({ body }) => (JSON.parse(body) as { endpoint: string }).endpoint);
      for (const each of urls) expect((await askOverHttps(each)).status).toBe(200);
      measured.push([address.length, ...urls.map((each) => each.length)]);
    }
    // The URL of this gateway has 23 bytes.
    expect(url).toHaveLength(23);
    expect(measured).toEqual([
      [20, 388, 430],
      [40, 414, 457],
      [60, 441, 484],
      [80, 468, 510],
    ]);
  });
});
