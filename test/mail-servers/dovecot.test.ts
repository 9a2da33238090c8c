import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { processesOfGroup } from '../tools/process-group.js';
import { connectRawImap, type RawImap } from '../tools/raw-imap.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import { type DovecotServer, dovecot, startDovecot } from './dovecot.js';

/** Set for the run that the last test starts and kills; names the file that is to tell what to look for. */
const toldIn = process.env.MAILPUSH_TEST_KILLED_RUN;

async function startWithClient(): Promise<{ server: DovecotServer; client: RawImap }> {
  const server = await startDovecot();
  const client = await connectRawImap(server.imap);
  await client.command(`LOGIN "${server.imap.user}" "${server.imap.password}"`);
  return { server, client };
}

if (toldIn !== undefined) {
  it('waits to be killed', async () => {
    const { server } = await startWithClient();
    await writeFile(toldIn, JSON.stringify([server.processGroup, server.directory]));
    await new Promise(() => {});
  });
} else {
  describe.runIf(dovecot.available)(
    'Dovecot',
    { meta: { mailServer: dovecot.name, mailServerSuite: 'its processes' } },
    () => {
      it('leaves no process and no file behind, whoever is logged in', async () => {
        const { server, client } = await startWithClient();
        expect(processesOfGroup(server.processGroup).length).toBeGreaterThan(1);
        await server.stop();
        client.close();
        expect(processesOfGroup(server.processGroup)).toEqual([]);
        expect(existsSync(server.directory)).toBe(false);
      });

      it('runs without rights', async () => {
        const server = await startDovecot();
        const status = await readFile(`/proc/${server.processGroup}/status`, 'utf8');
        await server.stop();
        expect(Number(/^Uid:\t(\d+)/m.exec(status)?.[1])).toBeGreaterThan(0);
      });

      it('ends when the test run that started it is killed', async () => {
        const told = join(await temporaryDirectory(), 'process-group');
        const run = spawn(
          process.execPath,
          ['node_modules/vitest/vitest.mjs', 'run', 'test/mail-servers/dovecot.test.ts'],
          {
            env: {
              ...process.env,
              MAILPUSH_TEST_KILLED_RUN: told,
              MAILPUSH_TEST_RESULT: undefined,
              MAILPUSH_TEST_TABLE: undefined,
            },
            stdio: 'ignore',
          },
        );
        const [group, directory] = await vi.waitFor(async () => JSON.parse(await readFile(told, 'utf8')), {
          timeout: 20_000,
        });
        expect(processesOfGroup(group).length).toBeGreaterThan(1);
        run.kill('SIGKILL');
        await once(run, 'exit');
        await vi.waitFor(() => expect(processesOfGroup(group)).toEqual([]), { timeout: 20_000 });
        // Nobody is left to do this but us.
        await rm(directory, { recursive: true });
      });
    },
  );
}
