import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createTransport } from 'nodemailer';
import { describe, expect, it } from 'vitest';
import { parseEndpoint } from '../../src/notify-spec/index.js';
import { createSender, generateKey, PushError, readBounce, type Sender } from '../../src/sender/index.js';
import { processesOfGroup } from '../tools/process-group.js';
import { createChannel } from '../tools/sender-fixture.js';
import { type PostfixServer, postfix, startPostfix } from './postfix.js';

const suite = 'the queue';

async function senderTo({ smtp }: PostfixServer): Promise<Sender> {
  const from = 'push@app.example';
  const key = await generateKey({ address: from, now: Date.now() });
  return createSender({ smtp: { ...smtp }, from, key, retry: { firstPauseMs: 10 } });
}

/** Answers the questions of Postfix about recipients (its SMTPD_POLICY_README) with what `decide` says. */
async function startPolicyServer(decide: (recipient: string) => string): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const recipient = /^recipient=(.*)$/m.exec(text.slice(0, end))?.[1] ?? '';
        text = text.slice(end + 2);
        socket.write(`action=${decide(recipient)}\n\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe.runIf(postfix.available)(suite, { meta: { mailServer: postfix.name, mailServerSuite: suite } }, () => {
  it('sends a delivery status notification when a mail that it has taken cannot be delivered', async () => {
    const server = await startPostfix();
    try {
      const transport = createTransport({ ...server.smtp, secure: false });
      const raw = 'From: push@app.example\r\nMessage-ID: <lost@app.example>\r\n\r\nlost\r\n';
      const envelope = { from: 'push@app.example', to: server.bouncingAddress };
      expect((await transport.sendMail({ envelope, raw })).response).toMatch(/^250 /);
      await expect.poll(() => server.bounces(), { timeout: 10_000 }).toHaveLength(1);
      const [bounce = new Uint8Array()] = await server.bounces();
      const text = Buffer.from(bounce).toString();
      expect(text).toMatch(/^Content-Type: multipart\/report; report-type=delivery-status;/m);
      expect(text).toMatch(/^Return-Path: <>|^From: MAILER-DAEMON/m);
      expect(text).toMatch(/^Final-Recipient: rfc822; no-mailbox@example\.org/m);
      expect(text).toMatch(/^Status: 5\.1\.1/m);
      expect(text).toMatch(/^Message-ID: <lost@app\.example>/m);
    } finally {
      await server.stop();
    }
  });

  it('takes a push, and says by a bounce that can be read that there was no mailbox for it', async () => {
    const server = await startPostfix();
    const sender = await senderTo(server);
    try {
      const { endpoint } = await createChannel(server.bouncingAddress);
      const { messageId } = await sender.send(endpoint, 'lost');
      await expect.poll(() => server.bounces(), { timeout: 10_000 }).toHaveLength(1);
      const [bounce = new Uint8Array()] = await server.bounces();
      expect(await readBounce(bounce)).toEqual([
        {
          channel: parseEndpoint(endpoint).channel,
          messageId,
          address: server.bouncingAddress,
          action: 'failed',
          status: '5.1.1',
          gone: true,
          diagnostic: expect.stringContaining(server.bouncingAddress),
        },
      ]);
    } finally {
      await sender.close();
      await server.stop();
    }
  });

  it('refuses for now, and is tried again; and for good, and is not', async () => {
    const asked: string[] = [];
    const policy = await startPolicyServer((recipient) => {
      asked.push(recipient);
      return asked.length === 1 ? '450 4.2.0 Greylisted' : 'DUNNO';
    });
    const server = await startPostfix({ policyPort: (policy.address() as AddressInfo).port });
    const sender = await senderTo(server);
    try {
      await sender.verify();
      const { endpoint } = await createChannel(server.address);
      expect((await sender.send(endpoint, 'twice')).smtpResponse).toMatch(/^250 2\.0\.0 /);
      expect(asked).toEqual([server.address, server.address]);
      await expect.poll(async () => (await server.snapshot()).INBOX?.length, { timeout: 10_000 }).toBe(1);

      const gone = await createChannel('nobody@example.org');
      const error = await sender.send(gone.endpoint, 'never').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(PushError);
      expect(error).toMatchObject({
        code: 'ERR_ENDPOINT_GONE',
        disposition: 'rejected',
        endpoint: gone.endpoint,
        smtpResponse: expect.stringMatching(/^550 5\.1\.1 /),
      });
      expect(asked).toHaveLength(3);
    } finally {
      await sender.close();
      await server.stop();
      await new Promise((resolve) => policy.close(resolve));
    }
  });

  it('leaves no process and no file behind', async () => {
    const server = await startPostfix();
    expect(processesOfGroup(server.processGroup).length).toBeGreaterThan(1);
    await server.stop();
    expect(processesOfGroup(server.processGroup)).toEqual([]);
    expect(existsSync(server.directory)).toBe(false);
  });
});
