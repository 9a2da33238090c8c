import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { defaultTimes } from '../../src/imap/index.js';
import { findProgram } from '../tools/find-program.js';
import { createManualTime, type ManualTime } from '../tools/manual-time.js';
import { startScripted } from './scripted.js';

const ss = findProgram('ss');

const read = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
const ca = read('authority.pem');
const localhost = { key: read('localhost.key'), cert: read('localhost.pem') };

async function naps(time: ManualTime): Promise<void> {
  await vi.waitFor(() => expect(time.sleepers()).toEqual([30_000]), { interval: 2 });
}

describe('a line on which nothing happens', () => {
  it('is proved alive every two minutes, and costs nothing in between', async () => {
    const time = createManualTime();
    const { server, watched } = await startScripted({}, { time });
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    const before = server.commands.length;
    for (let round = 0; round < 2; round += 1) {
      for (let halfMinute = 0; halfMinute < 4; halfMinute += 1) {
        await naps(time);
        expect(server.commands.slice(before)).toHaveLength(round * 3);
        time.pass(30_000);
      }
      await vi.waitFor(() =>
        expect(server.commands.slice(before + round * 3)).toEqual(['DONE', 'SELECT INBOX', 'IDLE']),
      );
    }
    expect(watched.events.map(({ type }) => type)).toEqual(['connected', 'looked']);
  });

  it('is proved alive soon after the machine was asleep', async () => {
    const time = createManualTime();
    const { server } = await startScripted({}, { time });
    await vi.waitFor(() => expect(server.commands).toContain('IDLE'));
    await naps(time);
    time.suspend(3_600_000);
    time.pass(30_000);
    await vi.waitFor(() => expect(server.commands.slice(-3)).toEqual(['DONE', 'SELECT INBOX', 'IDLE']));
  });

  it.skipIf(ss === undefined).each([
    ['plain', {}],
    ['tls', { tls: localhost }],
    ['starttls', { startTls: localhost, capabilities: 'IMAP4rev1 IDLE STARTTLS' }],
  ] as const)('is not asked by the kernel every few seconds (%s)', async (security, script) => {
    const { server, watched } = await startScripted(script, { account: { security, ca } });
    await watched.next('connected');
    const connections = execFileSync(ss ?? '', ['-tno', `dport = :${server.port}`], { encoding: 'utf8' });
    // As in `timer:(keepalive,1min59sec,0)`.
    const [, minutes = '0', rest = '0'] = /keepalive,(?:(\d+)min)?(?:([\d.]+)sec)?/.exec(connections) ?? [];
    expect(Number(minutes) * 60 + Number(rest)).toBeGreaterThan(defaultTimes.keepAliveMs / 1000 - 30);
  });
});
