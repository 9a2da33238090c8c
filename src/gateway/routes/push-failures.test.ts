import { createECDH } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { type Answer, startGateway, type TestEndpoint, type TestGateway } from '../../../test/tools/gateway-fixture.js';
import { loopbackAddress } from '../../../test/tools/loopback-address.js';
import { startTestSmtp } from '../../../test/tools/test-smtp-server.js';

function push(gateway: TestGateway, endpoint: TestEndpoint): Promise<Answer> {
  return gateway.ask({ method: 'POST', path: endpoint.path, headers: [['TTL', '60']], body: 'hello' });
}

function expectLater(answer: Answer, status: number, errno: number): void {
  expect(answer).toMatchObject({ status, body: { code: status, errno } });
  expect(answer.headers['retry-after']).toMatch(/^[1-9][0-9]*$/);
}

describe('when the push cannot be sent', () => {
  it('is a 503 and nothing is lost, while the SMTP server is down, and 201 once it is back', async () => {
    // On an address of its own, where nobody else takes the port meanwhile.
    const host = loopbackAddress();
    const down = await startTestSmtp({}, host);
    await down.close();
    const gateway = await startGateway({ smtpUrl: `smtp://${host}:${down.port}` });
    const alice = await gateway.register();
    expectLater(await push(gateway, alice), 503, 202);
    const again = await startTestSmtp({}, host, down.port);
    expect((await push(gateway, alice)).status).toBe(201);
    expect(again.given).toHaveLength(1);
    await gateway.parts.sender.close();
    await again.close();
  });

  it('is a 503 when the server takes nothing now, drops the line, or refuses this mail for good', async () => {
    const answers = [
      { code: 451, text: '4.7.1 Greylisted' },
      { code: 452, text: '4.2.2 Mailbox full' },
      { code: 550, text: '5.7.1 Your host is on a block list' },
      { code: 552, text: '5.2.2 Mailbox full' },
      { code: 554, text: 'No' },
      'drop',
    ] as const;
    for (const answer of answers) {
      const gateway = await startGateway({ smtp: { onMail: () => answer } });
      const alice = await gateway.register();
      expectLater(await push(gateway, alice), 503, 202);
      expect((await gateway.ask({ path: alice.path })).status).toBe(200);
      await gateway.close();
    }
  });

  it('is a 503 when the server does not take the login, and the operator is told', async () => {
    const gateway = await startGateway({
      smtp: { onSender: () => ({ code: 530, text: '5.7.0 Authentication required' }) },
    });
    expectLater(await push(gateway, await gateway.register()), 503, 202);
    expect(gateway.logged.join()).toContain('ERR_SMTP_LOGIN');
  });

  it('is a 503 when the gateway is ending', async () => {
    const gateway = await startGateway();
    const alice = await gateway.register();
    await gateway.parts.sender.close();
    expectLater(await push(gateway, alice), 503, 202);
  });

  it('is a 410 when the mailbox is gone, and from then on without asking (RFC 8030 §7.3)', async () => {
    const gateway = await startGateway({ smtp: { onRecipient: () => ({ code: 550, text: '5.1.1 No such user' }) } });
    const alice = await gateway.register();
    expect(await push(gateway, alice)).toMatchObject({ status: 410, body: { errno: 106 } });
    const connections = gateway.smtp.connections();
    expect(await push(gateway, alice)).toMatchObject({ status: 410, body: { errno: 106 } });
    expect(await gateway.ask({ path: alice.path })).toMatchObject({ status: 410, body: { errno: 106 } });
    expect(gateway.smtp.connections()).toBe(connections);
  });
});

describe('too many pushes', () => {
  it('are a 429 that says when to come back, for this endpoint alone (RFC 8030 §8.4)', async () => {
    const rates = { pushes: { points: 2, seconds: 60 }, burst: { points: 1, seconds: 60 } };
    const gateway = await startGateway({ rates });
    const [alice, bob] = [await gateway.register(), await gateway.register({ address: 'bob@example.org' })];
    for (let sent = 0; sent < 3; sent += 1) expect((await push(gateway, alice)).status).toBe(201);
    expectLater(await push(gateway, alice), 429, 201);
    expect((await push(gateway, bob)).status).toBe(201);
    expect(gateway.smtp.given).toHaveLength(4);
  });

  it('are not counted when they are refused for something else', async () => {
    const rates = { pushes: { points: 1, seconds: 60 }, burst: { points: 0, seconds: 60 } };
    const gateway = await startGateway({ rates });
    const alice = await gateway.register();
    for (let tried = 0; tried < 5; tried += 1) {
      expect((await gateway.ask({ method: 'POST', path: alice.path, body: 'x' })).status).toBe(400);
    }
    expect((await push(gateway, alice)).status).toBe(201);
  });
});

describe('the example of RFC 8291 §5', () => {
  it('reaches the device as it was encrypted, and decrypts there', async () => {
    const example = JSON.parse(readFileSync('fixtures/web-push/message.json', 'utf8'));
    const gateway = await startGateway();
    const alice = await gateway.register();
    const body = Buffer.from(example.body, 'base64url');
    const headers = [['TTL', '10'] as const, ['Content-Encoding', 'aes128gcm'] as const];
    expect((await gateway.ask({ method: 'POST', path: alice.path, headers, body })).status).toBe(201);
    const { header, payload } = await alice.read(gateway.smtp.given[0]?.raw);
    expect(header.contentCoding).toBe('aes128gcm');
    const privateKey = createECDH('prime256v1');
    privateKey.setPrivateKey(example.receiverPrivateKey, 'base64url');
    const ece = createRequire(import.meta.url)('http_ece') as { decrypt(of: Buffer, options: object): Buffer };
    const text = ece.decrypt(payload, { version: 'aes128gcm', privateKey, authSecret: example.authSecret });
    expect(text.toString()).toBe(example.plaintext);
  });
});
