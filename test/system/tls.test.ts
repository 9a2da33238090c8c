import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LineProcess, startLineProcess } from '../../src/demo/line-process.js';
import { type PrivateBus, startPrivateBus } from '../../src/demo/private-bus.js';
import { dovecot, startDovecot } from '../mail-servers/dovecot.js';
import type { DovecotOptions } from '../mail-servers/dovecot-configuration.js';
import type { TestMailServer } from '../mail-servers/index.js';
import { makeTemporaryDirectory, type TemporaryDirectory } from '../tools/temporary-directory.js';
import { daemonCommand, writeConfig } from './setting.js';

const otherAuthority = fileURLToPath(new URL('../../fixtures/tls/other-authority.pem', import.meta.url));
const suite = 'refused TLS';

describe.runIf(dovecot.available)(suite, { meta: { mailServer: dovecot.name, mailServerSuite: suite } }, () => {
  const servers: TestMailServer[] = [];
  let directory: TemporaryDirectory;
  let bus: PrivateBus;
  let runs = 0;

  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
    bus = await startPrivateBus({ directory: join(directory.path, 'bus') });
  });

  afterAll(async () => {
    await bus?.stop();
    for (const server of servers) await server.stop();
    await directory?.remove();
  });

  /** What the daemon says about a server, to which it connects otherwise than it should in `change`. */
  async function refusal(options: DovecotOptions, change: Partial<TestMailServer['imap']> = {}): Promise<unknown> {
    const server = await startDovecot(dovecot.name, options);
    servers.push(server);
    runs += 1;
    const home = join(directory.path, String(runs));
    await mkdir(home);
    const config = await writeConfig(home, { address: server.address, imap: { ...server.imap, ...change } });
    const daemon: LineProcess = startLineProcess({
      name: 'daemon',
      args: [daemonCommand, 'daemon', '--config', config, '--state-dir', join(home, 'state')],
      environment: { DBUS_SESSION_BUS_ADDRESS: bus.address },
      from: 'stderr',
    });
    try {
      // Levels of pino: 40 is a warning.
      const { event, err } = await daemon.next(({ level }) => Number(level) >= 40);
      expect(event).toBe('imap.disconnected');
      return err;
    } finally {
      await daemon.stop();
    }
  }

  it.each(['tls', 'starttls'] as const)(
    'says so when the authority of the certificate is another: %s',
    async (security) => {
      expect(await refusal({ security }, { ca: otherAuthority })).toMatchObject({
        code: 'ERR_IMAP_TLS',
        message: expect.stringMatching(/^The TLS connection to localhost cannot be trusted .*: check .*ca_file/),
      });
    },
  );

  it.each(['tls', 'starttls'] as const)('says so when the certificate is for another host: %s', async (security) => {
    expect(await refusal({ security, certificate: 'elsewhere' })).toMatchObject({
      code: 'ERR_IMAP_TLS',
      message: expect.stringMatching(/^The TLS connection to localhost cannot be trusted .*: check the host name/),
    });
  });

  it('does not log in where STARTTLS is wanted and not offered', async () => {
    expect(await refusal({}, { security: 'starttls' })).toMatchObject({
      code: 'ERR_IMAP_TLS',
      message: expect.stringContaining('offers no STARTTLS'),
    });
  });

  it('says so when the port speaks no TLS from the start', async () => {
    expect(await refusal({ security: 'starttls' }, { security: 'tls' })).toMatchObject({ code: 'ERR_IMAP_TLS' });
  });
});
