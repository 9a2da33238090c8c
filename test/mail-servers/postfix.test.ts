import { existsSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import { describe, expect, it } from 'vitest';
import { processesOfGroup } from '../tools/process-group.js';
import { postfix, startPostfix } from './postfix.js';

const suite = 'the queue';

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

  it('leaves no process and no file behind', async () => {
    const server = await startPostfix();
    expect(processesOfGroup(server.processGroup).length).toBeGreaterThan(1);
    await server.stop();
    expect(processesOfGroup(server.processGroup)).toEqual([]);
    expect(existsSync(server.directory)).toBe(false);
  });
});
