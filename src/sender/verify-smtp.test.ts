import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { errorOf, gate, useSenderFixture } from '../../test/tools/sender-fixture.js';
import { startTestSmtp, type TestSmtpServer } from '../../test/tools/test-smtp-server.js';
import { startToxicProxy } from '../../test/tools/toxic-proxy.js';

const fixture = useSenderFixture();

describe('verifying', () => {
  it('connects, logs in, says goodbye, and sends nothing', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push', pass: 'right' } });
    const sender = fixture().senderTo(smtp, { smtp: `smtp://push:right@127.0.0.1:${smtp.port}` });
    await sender.verify();
    await sender.verify();
    expect(smtp.connections()).toBe(2);
    expect(smtp.given).toHaveLength(0);
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it('rejects as a push does', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push', pass: 'right' } });
    const wrong = fixture().senderTo(smtp, { smtp: `smtp://push:wrong@127.0.0.1:${smtp.port}` });
    expect(await errorOf(wrong.verify())).toMatchObject({
      code: 'ERR_SMTP_LOGIN',
      disposition: 'action-required',
      smtpResponse: expect.stringMatching(/^535 /),
    });
    const noTls = fixture().senderTo(smtp, { smtp: `smtp+starttls://127.0.0.1:${smtp.port}` });
    expect(await errorOf(noTls.verify())).toMatchObject({ code: 'ERR_SMTP_TLS', disposition: 'action-required' });
    const nobody = await startTestSmtp();
    await nobody.close();
    const unreachable = await errorOf(fixture().senderTo(nobody).verify());
    expect(unreachable).toMatchObject({ code: 'ERR_SMTP_UNAVAILABLE', disposition: 'transient' });
    await expect.poll(() => smtp.open()).toBe(0);
  });

  it('does not wait for ever for a server that says nothing', async () => {
    const smtp = await fixture().startSmtp();
    const proxy = await startToxicProxy({ host: '127.0.0.1', port: smtp.port });
    try {
      proxy.add({ type: 'freeze' });
      const options = { host: '127.0.0.1', port: proxy.port, greetingTimeout: 50, socketTimeout: 50 };
      const error = await errorOf(fixture().senderTo(smtp, { smtp: options }).verify());
      expect(error.code).toBe('ERR_SMTP_UNAVAILABLE');
      await expect.poll(() => proxy.connections()).toBe(0);
    } finally {
      await proxy.close();
    }
  });

  it('ends at once when it is aborted, and leaves no connection', async () => {
    const greeted = gate();
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
      socket.write('220 mail.example.org ESMTP\r\n');
      socket.once('data', () => greeted.open());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const sender = fixture().senderTo({ port } as TestSmtpServer);
    const controller = new AbortController();
    const verifying = errorOf(sender.verify({ signal: controller.signal }));
    await greeted.opened;
    controller.abort();
    expect(await verifying).toMatchObject({ code: 'ERR_ABORTED', disposition: 'transient' });
    await expect.poll(() => sockets.size).toBe(0);
    expect((await errorOf(sender.verify({ signal: controller.signal }))).code).toBe('ERR_ABORTED');
    await new Promise((resolve) => server.close(resolve));
  });

  it('is over once the sender is closed, and closing waits for it', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp);
    let verified = false;
    const verifying = sender.verify().then(() => {
      verified = true;
    });
    await sender.close();
    expect(verified).toBe(true);
    await verifying;
    expect((await errorOf(sender.verify())).code).toBe('ERR_SENDER_CLOSED');
  });
});
