import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRuntime } from '../../src/runtime.js';
import {
  installFiling,
  openSession,
  readFilingState,
  removeFiling,
  type SieveAccount,
  type SieveSession,
  writeFilingScript,
} from '../../src/sieve/index.js';
import { dovecot, startDovecot, testAuthority } from '../mail-servers/dovecot.js';
import { testUser } from '../mail-servers/test-mail-server.js';
import { allServersWanted } from '../tools/all-servers-wanted.js';
import { startRecordingRelay } from '../tools/recording-relay.js';

const ca = readFileSync(testAuthority, 'utf8');

/** Opens a session with a Dovecot that wants STARTTLS, by a name that its certificate is for. */
async function open(more: Partial<SieveAccount>): Promise<{ session: SieveSession; sent: () => string }> {
  const server = await startDovecot(dovecot.name, { security: 'starttls', sieve: {} });
  onTestFinished(() => server.stop());
  const relay = await startRecordingRelay(server.sieve);
  const credentials = async () => ({ kind: 'password', password: testUser.password }) as const;
  const account = {
    host: 'localhost',
    port: relay.port,
    user: testUser.address,
    mustEncrypt: true,
    credentials,
    ...more,
  };
  const session = await openSession(account, createRuntime(), new AbortController().signal);
  onTestFinished(() => session.close());
  return { session, sent: () => relay.sent().join('\n') };
}

if (!dovecot.available) {
  it.skipIf(!allServersWanted())('ManageSieve of Dovecot', () => {
    expect.fail(`Dovecot is wanted, but ${dovecot.reason}; get it with ${dovecot.howToGet}`);
  });
}

describe.runIf(dovecot.available)('ManageSieve of Dovecot', () => {
  it('is spoken behind STARTTLS, and nothing of it before', async () => {
    const { session, sent } = await open({ ca });
    expect(session.extensions).toContain('include');
    expect(sent().split('\n')[0]).toBe('STARTTLS');
    expect(sent()).not.toMatch(/AUTHENTICATE|CAPABILITY/);
  });

  it('is not spoken to a server that nobody knows', async () => {
    await expect(open({})).rejects.toMatchObject({ code: 'ERR_SIEVE_TLS' });
  });

  it('refuses a password that is wrong', async () => {
    const credentials = async () => ({ kind: 'password', password: 'hunter2' }) as const;
    await expect(open({ ca, credentials })).rejects.toMatchObject({ code: 'ERR_SIEVE_LOGIN' });
  });

  it('keeps every byte of a script, says why one is refused, and names scripts in any language', async () => {
    const { session } = await open({ ca });
    const script = 'keep; # "\\" 日本語 {5}\r\n#ab\r\n\r\n';
    await session.put('Grüße "und" \\ mehr', script);
    expect((await session.get('Grüße "und" \\ mehr')).toString()).toBe(script);
    expect(await session.list()).toEqual([{ name: 'Grüße "und" \\ mehr', isActive: false }]);
    await session.delete('Grüße "und" \\ mehr');
    expect(await session.list()).toEqual([]);
    await expect(session.put('broken', 'fly away;')).rejects.toMatchObject({
      code: 'ERR_SIEVE_REFUSED',
      message: expect.stringMatching(/ refuses to take the Sieve script "broken" \(it said: .*line 1.*\)\.$/),
    });
    await expect(session.get('missing')).rejects.toMatchObject({ code: 'ERR_SIEVE_REFUSED' });
  });

  it('leaves the script active that another program chooses while ours is installed', async () => {
    const { session } = await open({ ca });
    for (const name of ['main', 'other']) await session.put(name, 'keep;\r\n');
    await session.activate('main');
    const interrupted: SieveSession = {
      ...session,
      put: async (name, script) => {
        await session.put(name, script);
        await session.activate('other');
      },
    };
    await expect(installFiling(interrupted, 'Push')).rejects.toMatchObject({
      code: 'ERR_SIEVE_CHANGED',
      disposition: 'transient',
    });
    expect(await session.list()).toContainEqual({ name: 'other', isActive: true });
    expect(await installFiling(session, 'Push')).toEqual({ isNew: true, own: 'other' });
    expect(await removeFiling(session)).toEqual({ wasThere: true, active: 'other' });
  });

  it('takes our script away also when the one that was active before is gone', async () => {
    const { session } = await open({ ca });
    await session.put('main', 'keep;\r\n');
    await session.activate('main');
    await installFiling(session, 'Push');
    await session.delete('main');
    expect(await readFilingState(session)).toMatchObject({ kind: 'active', hasOwn: false });
    expect(await removeFiling(session)).toEqual({ wasThere: true, active: undefined });
    expect(await session.list()).toEqual([]);
  });

  it('understands our script, alone and around another', async () => {
    const { session } = await open({ ca });
    for (const own of [undefined, 'main']) {
      expect(await session.check(writeFilingScript({ folder: 'Push', creates: true, own }))).toBeUndefined();
    }
    expect(await session.check('fly away;')).toMatch(/line 1/);
  });
});
