import { describe, it, onTestFinished } from 'vitest';
import type { ImapTimes } from '../../src/imap/index.js';
import { type DovecotServer, dovecot, startDovecot } from '../mail-servers/dovecot.js';
import { testUser } from '../mail-servers/test-mail-server.js';
import { allServersWanted } from '../tools/all-servers-wanted.js';
import { startToxicProxy, type Toxic, type ToxicProxy } from '../tools/toxic-proxy.js';
import { type FaultStage, type StageOptions, startFaultStage } from './fault-stage.js';

/** The usual pauses are minutes where somebody has to act, and so is the time after which a quiet line is asked. */
const impatient: Partial<ImapTimes> = {
  checkMs: 500,
  checkAnswerMs: 800,
  answerMs: 2000,
  connectMs: 1500,
  retryFirstMs: 100,
  retryMaxMs: 400,
  refusedMaxMs: 400,
  loginsPerMinute: 1000,
};
const patient = { timeout: 90_000 };

interface Stage extends FaultStage {
  readonly server: DovecotServer;
  readonly proxy: ToxicProxy;
}

async function startStage(security: 'plain' | 'tls', options: StageOptions): Promise<Stage> {
  const server = await startDovecot(dovecot.name, { security });
  onTestFinished(() => server.stop());
  const proxy = await startToxicProxy(server.imap);
  onTestFinished(() => proxy.close());
  const line = { host: security === 'plain' ? proxy.host : 'localhost', port: proxy.port };
  return { server, proxy, ...(await startFaultStage(server, { line, ...options })) };
}

const suite = 'what is wrong with the line';
const meta = { meta: { mailServer: dovecot.name, mailServerSuite: suite } };

describe.runIf(dovecot.available || allServersWanted())(`${suite} is said while it is`, meta, () => {
  it('of the packed daemon, whose mail server is stopped and started again', patient, async () => {
    const { server, send, says, recovers } = await startStage('plain', {});
    await server.halt();
    await says('line', /^127\.0\.0\.1 cannot be reached \(.*\): it is tried again by itself\.$/);
    await server.startAgain();
    await send('meanwhile');
    await recovers('meanwhile');
  });

  it.each<[string, Toxic, RegExp]>([
    ['refuses connections', { type: 'down' }, /cannot be reached \(ECONNREFUSED\): it is tried again by itself/],
    ['is frozen', { type: 'freeze' }, /(cannot be reached|did not finish the login in time).*: it is tried again/],
    ['hears us and is mute', { type: 'freeze', direction: 'downstream' }, /cannot be reached .*: it is tried again/],
    ['is reset again and again', { type: 'reset', afterMs: 5 }, /(cannot be reached|was lost).* by itself/],
    ['is cut in every login', { type: 'limit data', bytes: 100 }, /(cannot be reached|was lost).* by itself/],
  ])('of a line that %s', patient, async (_, toxic, sentence) => {
    const { proxy, send, says, recovers } = await startStage('plain', { times: impatient });
    const relieve = proxy.add(toxic);
    await says('line', sentence);
    await send('meanwhile');
    relieve();
    await recovers('meanwhile');
  });

  it('of a login that is refused all of a sudden, and accepted again', patient, async () => {
    const { server, proxy, send, says, recovers } = await startStage('plain', { times: impatient });
    await server.setPassword('another and longer one');
    proxy.reset();
    await says('line', /^127\.0\.0\.1 refused the login .*: check the user .* password_command/);
    await send('meanwhile');
    await server.setPassword(testUser.password);
    await recovers('meanwhile');
  });

  it.each([
    ['has expired', 'expired', /cannot be trusted \(CERT_HAS_EXPIRED\): /],
    ['is for another host', 'elsewhere', /cannot be trusted \(ERR_TLS_CERT_ALTNAME_INVALID\): check the host name/],
  ] as const)('of a certificate that %s', patient, async (_, name, sentence) => {
    const { server, proxy, send, says, recovers } = await startStage('tls', { times: impatient });
    await server.showCertificate(name);
    // Until it has read its files anew it shows the old one to those who connect.
    const cut = setInterval(proxy.reset, 300);
    try {
      await says('line', sentence);
    } finally {
      clearInterval(cut);
    }
    await send('meanwhile');
    await server.showCertificate('localhost');
    await recovers('meanwhile');
  });
});
