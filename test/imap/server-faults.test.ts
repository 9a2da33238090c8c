import { readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type DovecotServer, dovecot, startDovecot, testAuthority } from '../mail-servers/dovecot.js';
import { testUser } from '../mail-servers/test-mail-server.js';
import { createManualTime } from '../tools/manual-time.js';
import { startToxicProxy, type ToxicProxy } from '../tools/toxic-proxy.js';
import { pushMail } from './mails.js';
import { type Watch, type WatchOptions, watch } from './watch.js';

const suite = 'a mail server in trouble';
const meta = { mailServer: dovecot.name, mailServerSuite: suite };

describe.runIf(dovecot.available)(suite, { meta }, () => {
  let server: DovecotServer;
  let proxy: ToxicProxy;
  let password: string = testUser.password;

  beforeAll(async () => {
    server = await startDovecot(dovecot.name, { security: 'tls' });
    proxy = await startToxicProxy({ host: '127.0.0.1', port: server.imap.port });
  });

  afterAll(async () => {
    await proxy?.close();
    await server?.stop();
  });

  /** Watches the INBOX over TLS, with the password of the moment, and waits until it is open. */
  async function startWatch(options: WatchOptions = {}): Promise<Watch> {
    const watched = watch(
      { host: proxy.host, port: proxy.port },
      {
        ...options,
        account: {
          security: 'tls',
          ca: readFileSync(testAuthority, 'utf8'),
          credentials: async () => ({ kind: 'password', password }),
          ...options.account,
        },
      },
    );
    await watched.next('looked');
    return watched;
  }

  async function nextPushArrives(watched: Watch): Promise<void> {
    const uid = await server.append('INBOX', pushMail());
    await expect.poll(() => [...watched.open]).toContain(uid);
  }

  /** Cuts what is open, again and again, until the server has read its files anew and connecting fails like this. */
  async function failsWith(watched: Watch, expected: object): Promise<void> {
    await expect
      .poll(
        () => {
          if (watched.events.at(-1)?.type !== 'disconnected') proxy.reset();
          return watched.events.flatMap((event) => (event.type === 'disconnected' ? [event.error] : []));
        },
        { interval: 100, timeout: 20_000 },
      )
      .toContainEqual(expect.objectContaining(expected));
  }

  it('that is stopped and started again is waited for, and what came meanwhile is found', async () => {
    const watched = await startWatch();
    await nextPushArrives(watched);
    await server.halt();
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_LOST' });
    expect((await watched.next('disconnected')).error).toMatchObject({ code: 'ERR_IMAP_UNREACHABLE' });
    await server.startAgain();
    const meanwhile = await server.append('INBOX', pushMail());
    await watched.next('connected');
    await expect.poll(() => [...watched.open]).toContain(meanwhile);
    await nextPushArrives(watched);
  });

  it('that refuses a password which has worked is knocked at slowly, until there is another password', async () => {
    const time = createManualTime();
    const watched = await startWatch({
      time,
      times: { retryFirstMs: 1000, retryMaxMs: 300_000, refusedMaxMs: 900_000 },
    });
    await server.setPassword('a new and longer one');
    onTestFinished(async () => await server.setPassword(testUser.password));
    onTestFinished(() => {
      password = testUser.password;
    });
    proxy.reset();
    await watched.next('disconnected');
    const made = proxy.made();
    await expect.poll(() => time.sleepers()).toEqual([expect.any(Number)]);
    time.pass(1000);
    for (const [round, minutes] of [5, 10, 15, 15].entries()) {
      const { error, retryMs } = await watched.next('disconnected');
      expect(error).toMatchObject({
        code: 'ERR_IMAP_LOGIN',
        disposition: 'action-required',
        message: expect.stringMatching(/refused the login .*: check the user .* password_command/),
      });
      expect(retryMs / 60_000).toBeGreaterThanOrEqual(minutes / 2);
      expect(retryMs / 60_000).toBeLessThanOrEqual(minutes);
      watched.mailbox.wake('network');
      await expect.poll(() => time.sleepers()).toEqual([30_000]);
      expect(proxy.made() - made).toBe(round + 1);
      if (round === 3) password = 'a new and longer one';
      await expect
        .poll(
          () => {
            time.pass(30_000);
            return proxy.made() - made;
          },
          { interval: 5 },
        )
        .toBe(round + 2);
    }
    await watched.next('connected');
    await nextPushArrives(watched);
  });

  it('that cannot look up passwords at the moment is tried again soon', async () => {
    const watched = await startWatch();
    const users = join(server.directory, 'users');
    await rename(users, `${users}.away`);
    server.reload();
    await failsWith(watched, {
      code: 'ERR_IMAP_UNREACHABLE',
      disposition: 'transient',
      message: expect.stringContaining('takes no logins at the moment (it said: '),
    });
    await rename(`${users}.away`, users);
    server.reload();
    await nextPushArrives(watched);
  });

  it.each([
    ['that has expired', 'expired', 'CERT_HAS_EXPIRED'],
    ['for another host', 'elsewhere', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('that shows a certificate %s is told nothing, until it shows a good one', async (_, name, code) => {
    const watched = await startWatch();
    await server.showCertificate(name);
    await failsWith(watched, {
      code: 'ERR_IMAP_TLS',
      disposition: 'action-required',
      message: expect.stringContaining(code),
    });
    await server.showCertificate('localhost');
    await nextPushArrives(watched);
  });
});
