import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  address,
  createChannel,
  deadlineMs,
  errorOf,
  fastRuntime,
  useSenderFixture,
} from '../../test/tools/sender-fixture.js';
import { type Answer, startTestSmtp } from '../../test/tools/test-smtp-server.js';

const fixture = useSenderFixture();

describe('an SMTP server that refuses', () => {
  it('for now is tried again after pauses, with the same mail and so the same push id', async () => {
    const busy = { code: 450, text: '4.2.0 Greylisted' };
    const smtp = await fixture().startSmtp({ onMail: (_, count): Answer => (count < 3 ? busy : undefined) });
    const runtime = fastRuntime();
    const receipt = await fixture().senderTo(smtp, { runtime }).send(fixture().alice.endpoint, 'x');
    expect(smtp.given).toHaveLength(3);
    expect(new Set(smtp.given.map(({ raw }) => raw.toString())).size).toBe(1);
    expect((await fixture().read(smtp.given[2]?.raw)).push.id).toBe(receipt.id);
    const [first = 0, second = 0] = runtime.pauses;
    expect(runtime.pauses).toHaveLength(2);
    expect(first >= 500 && first <= 1500 && second >= 1000 && second <= 3000).toBe(true);
  });

  it('for now and keeps on is given up', async () => {
    const smtp = await fixture().startSmtp({ onRecipient: () => ({ code: 450, text: '4.2.1 Later' }) });
    const error = await errorOf(
      fixture()
        .senderTo(smtp, { retry: { most: 1 } })
        .send(fixture().alice.endpoint, 'x'),
    );
    expect(error).toMatchObject({ code: 'ERR_SMTP_BUSY', disposition: 'transient', smtpResponse: '450 4.2.1 Later' });
    expect(smtp.connections()).toBe(2);
  });

  it.each([
    [550, '5.1.1 No such user', 'ERR_ENDPOINT_GONE'],
    [550, 'No', 'ERR_SMTP_REFUSED'],
    [554, '5.7.1 No', 'ERR_SMTP_REFUSED'],
  ])('a recipient with %d %s is not tried again', async (code, text, expected) => {
    const smtp = await fixture().startSmtp({ onRecipient: () => ({ code, text }) });
    const error = await errorOf(fixture().senderTo(smtp).send(fixture().alice.endpoint, 'x'));
    const smtpResponse = `${code} ${text}`;
    expect(error).toMatchObject({
      code: expected,
      disposition: 'rejected',
      smtpResponse,
      endpoint: fixture().alice.endpoint,
    });
    expect(smtp.connections()).toBe(1);
  });

  it('the sender or the mail is told apart from an unknown mailbox', async () => {
    const refused = { code: 550, text: '5.1.0 Sender refused' };
    const bySender = await fixture().startSmtp({ onSender: () => refused });
    expect((await errorOf(fixture().senderTo(bySender).send(fixture().alice.endpoint, 'x'))).code).toBe(
      'ERR_SMTP_REFUSED',
    );
    const byMail = await fixture().startSmtp({ onMail: () => ({ code: 554, text: '5.6.0 Spam' }) });
    expect((await errorOf(fixture().senderTo(byMail).send(fixture().alice.endpoint, 'x'))).code).toBe(
      'ERR_SMTP_REFUSED',
    );
  });

  it('does not hold up pushes to others', async () => {
    const smtp = await fixture().startSmtp({
      onRecipient: (to): Answer => (to === address ? { code: 550, text: '5.1.1 x' } : undefined),
    });
    const { endpoint: bob } = await createChannel('bob@example.org');
    const sender = fixture().senderTo(smtp, { connections: 1 });
    const messages = [fixture().alice.endpoint, bob, 'nonsense', bob].map((target) => ({
      target,
      payload: 'x',
      ttl: 60,
    }));
    const results = await sender.sendEach(messages);
    expect(results.map((result) => (result.ok ? 'sent' : result.error.code))).toEqual([
      'ERR_ENDPOINT_GONE',
      'sent',
      'ERR_ENDPOINT_INVALID',
      'sent',
    ]);
  });
});

describe('a connection', () => {
  it('that is lost with the outcome unknown leads to the same push again', async () => {
    const smtp = await fixture().startSmtp({ onMail: (_, count): Answer => (count === 1 ? 'drop' : undefined) });
    const receipt = await fixture().senderTo(smtp).send(fixture().alice.endpoint, 'x');
    const ids = await Promise.all(smtp.given.map(async ({ raw }) => (await fixture().read(raw)).push.id));
    expect(ids).toEqual([receipt.id, receipt.id]);
  });

  it('that cannot be made is tried again and given up', async () => {
    const smtp = await startTestSmtp();
    await smtp.close();
    const runtime = fastRuntime();
    const error = await errorOf(fixture().senderTo(smtp, { runtime }).send(fixture().alice.endpoint, 'x'));
    expect(error).toMatchObject({ code: 'ERR_SMTP_UNAVAILABLE', disposition: 'transient' });
    // The pauses double up to a minute, and end before the next one would end after the deadline.
    const total = runtime.pauses.reduce((sum, ms) => sum + ms, 0);
    expect(total).toBeGreaterThan(deadlineMs - 90_000);
    expect(total).toBeLessThan(deadlineMs);
  });

  it('is used again', async () => {
    const smtp = await fixture().startSmtp();
    const sender = fixture().senderTo(smtp, { connections: 1 });
    for (let count = 0; count < 3; count += 1) await sender.send(fixture().alice.endpoint, 'x');
    expect(smtp.connections()).toBe(1);
  });

  it('with a login that is refused asks for an action', async () => {
    const smtp = await fixture().startSmtp({ login: { user: 'push', pass: 'right' } });
    const url = `smtp://127.0.0.1:${smtp.port}`;
    const wrong = await errorOf(
      fixture()
        .senderTo(smtp, { smtp: `smtp://push:wr%40ng@127.0.0.1:${smtp.port}` })
        .send(fixture().alice.endpoint, 'x'),
    );
    expect(wrong).toMatchObject({ code: 'ERR_SMTP_LOGIN', disposition: 'action-required' });
    expect(inspect(wrong)).not.toContain('wr@ng');
    const none = await errorOf(fixture().senderTo(smtp).send(fixture().alice.endpoint, 'x'));
    expect(none.code).toBe('ERR_SMTP_LOGIN');
    expect(smtp.given).toHaveLength(0);
    await fixture()
      .senderTo(smtp, { smtp: { url, auth: { user: 'push', pass: 'right' } } })
      .send(fixture().alice.endpoint, 'x');
    expect(smtp.given[0]?.user).toBe('push');
  });

  it('to a server without the login that was asked for is not used without it', async () => {
    const smtp = await fixture().startSmtp();
    const error = await errorOf(
      fixture()
        .senderTo(smtp, { smtp: `smtp://push:x@127.0.0.1:${smtp.port}` })
        .send(fixture().alice.endpoint, 'x'),
    );
    expect(error.code).toBe('ERR_SMTP_LOGIN');
    expect(smtp.given).toHaveLength(0);
  });
});

describe('TLS', () => {
  it('is required where it is asked for, and its absence told', async () => {
    const smtp = await fixture().startSmtp();
    const error = await errorOf(
      fixture()
        .senderTo(smtp, { smtp: `smtp+starttls://127.0.0.1:${smtp.port}` })
        .send(fixture().alice.endpoint, 'x'),
    );
    expect(error).toMatchObject({ code: 'ERR_SMTP_TLS', disposition: 'action-required' });
    expect(smtp.given).toHaveLength(0);
  });

  it.each([
    ['smtps', true],
    ['smtp+starttls', false],
  ])('by %s is verified, with a private authority as well', async (scheme, implicit) => {
    const smtp = await fixture().startSmtp({ tls: { ...certificate, implicit } });
    const url = `${scheme}://127.0.0.1:${smtp.port}`;
    const ca = certificate.cert;
    const unknown = await errorOf(fixture().senderTo(smtp, { smtp: url }).send(fixture().alice.endpoint, 'x'));
    expect(unknown).toMatchObject({ code: 'ERR_SMTP_TLS', disposition: 'action-required' });
    const servername = 'other.example.org';
    const other = await errorOf(
      fixture()
        .senderTo(smtp, { smtp: { url, tls: { ca, servername } } })
        .send(fixture().alice.endpoint, 'x'),
    );
    expect(other.code).toBe('ERR_SMTP_TLS');
    expect(smtp.given).toHaveLength(0);
    await fixture()
      .senderTo(smtp, { smtp: { url, tls: { ca } } })
      .send(fixture().alice.endpoint, 'x');
    expect(smtp.given[0]?.secure).toBe(true);
  });
});

describe('an error', () => {
  it('shows neither endpoint nor payload when it is printed', async () => {
    const smtp = await fixture().startSmtp({ onRecipient: (to) => ({ code: 550, text: `5.1.1 <${to}> unknown` }) });
    const sender = fixture().senderTo(smtp);
    const secret = 'the payload';
    for (const error of [
      await errorOf(sender.send(fixture().alice.endpoint, secret)),
      await errorOf(sender.send(`${fixture().alice.endpoint}&x=y`, secret)),
      await errorOf(sender.send(fixture().alice.endpoint, secret, { signal: AbortSignal.abort() })),
      await errorOf(sender.send(fixture().alice.endpoint, secret.repeat(1000))),
    ]) {
      expect(error.endpoint).toContain(fixture().alice.endpoint);
      for (const text of [
        inspect(error, { depth: 9 }),
        JSON.stringify(error),
        JSON.stringify({ ...error }),
        `${error}`,
        error.stack,
      ]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain('mailto:');
        expect(text).not.toContain(address);
      }
    }
  });
});

// For mail.example.org, localhost and 127.0.0.1, until 2120; its own authority.
const certificate = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgK7boPYh1JPRcZWy7
1rKnaEkE2llfmbbQ2MVKBcooT5ihRANCAAS2MDEioWBM9m51/6NH/Mk94jgRdvNC
WaoaB6ghXKgVoWfb4ci4vfwaZ0yLMmWVVywTDs0Rd+S7XZ6k1e+dAmdk
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmjCCAUCgAwIBAgIUeGnQIqsAIc3ZLE5fVvBEFRAtcbowCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQbWFpbC5leGFtcGxlLm9yZzAgFw0yMDAxMDEwMDAwMDBaGA8y
MTIwMDEwMTAwMDAwMFowGzEZMBcGA1UEAwwQbWFpbC5leGFtcGxlLm9yZzBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABLYwMSKhYEz2bnX/o0f8yT3iOBF280JZqhoH
qCFcqBWhZ9vhyLi9/BpnTIsyZZVXLBMOzRF35LtdnqTV750CZ2SjYDBeMA8GA1Ud
EwEB/wQFMAMBAf8wLAYDVR0RBCUwI4IQbWFpbC5leGFtcGxlLm9yZ4IJbG9jYWxo
b3N0hwR/AAABMB0GA1UdDgQWBBR5S/OLOO7rmoPDN7kNKvk63+OhZzAKBggqhkjO
PQQDAgNIADBFAiEA7+NenVsLlhFx3phxBgLkXp5QDaVbqx+NxqxfeLjpWEsCIHx5
Tvb1p8BfWgxlOGWFE3djPwQ++dndx86nbRy78Qub
-----END CERTIFICATE-----
`,
};
