import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { program, runCommand, startCommand, startProgram } from '../tools/run-command.js';

let home: string;
let temporary: string;

// Short, as a socket's path has to be.
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mp-'));
  temporary = join(home, 't');
  await mkdir(temporary);
  onTestFinished(() => rm(home, { recursive: true, force: true }));
});

/** Nothing is taken over: no session bus, no terminal, no home. */
const environment = (): Record<string, string> => ({ HOME: home, TMPDIR: temporary });

const steps = ['bus', 'mail server', 'daemon', 'mailbox', 'registered', 'endpoint'].concat(
  ['mail sent', 'mail seen', 'decrypted', 'delivered', 'removed'],
  ['untouched', 'connections'],
);

/** Ids of the processes that have this text in their environment (proc(5)). */
async function processesWith(text: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => [Number(pid), await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')]);
  return (await Promise.all(found))
    .filter(([, variables]) => String(variables).includes(text))
    .map(([pid]) => Number(pid));
}

async function expectNothingLeft(): Promise<void> {
  expect(await readdir(temporary)).toEqual([]);
  expect(await readdir(home)).toEqual(['t']);
  await expect.poll(() => processesWith(`HOME=${home}`)).toEqual([]);
}

describe('mailpush demo', () => {
  it('shows every step, plain when piped, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await runCommand(['demo'], { environment: environment() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const step of steps) expect(stdout).toMatch(new RegExp(`^ *\\d+ ms {2}${step} +\\S`, 'm'));
    expect(stdout.match(/^ *\d+ ms {2}removed /gm)).toHaveLength(3);
    expect(stdout).toContain('Grüße 👋');
    expect(stdout).toContain('connections 1 IMAP connection at any time');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for.
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    await expectNothingLeft();
  });

  it('with --keep prints a command that delivers from anywhere, and ends cleanly on SIGINT', async () => {
    const demo = startCommand(['demo', '--keep'], { environment: environment() });
    const [command] = await demo.said('stdout', /^echo Hello \| node .*$/m);
    const [, endpoint] = await demo.said('stdout', /^The endpoint:\n(mailto:\S+)\n/m);
    await demo.said('stdout', /^What arrives:$/m);
    const inEmptyHome = { environment: { HOME: home }, directory: '/' };
    const sent = await startProgram('/bin/sh', ['-c', command], inEmptyHome).ended;
    expect(sent).toMatchObject({ code: 0, stderr: '' });
    await demo.said('stdout', /delivered {3}“Hello”/);
    const [place] = /--smtp \S+ --from \S+ --key \S+/.exec(command) ?? [];
    const direct = await runCommand(['send', endpoint ?? '', ...(place?.split(' ') ?? [])], {
      ...inEmptyHome,
      input: 'Again',
    });
    expect(direct.code).toBe(0);
    await demo.said('stdout', /delivered {3}“Again”/);
    demo.kill('SIGINT');
    const { code, stdout, stderr } = await demo.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('ordinary letters: same UIDs, flags and dates');
    await expectNothingLeft();
  });

  it.each([
    ['before the daemon is there', /bus /],
    ['in the middle', /Push 1/],
  ])('ends on SIGINT %s, and leaves nothing behind', async (_, moment) => {
    const demo = startCommand(['demo'], { environment: environment() });
    await demo.said('stdout', moment);
    demo.kill('SIGINT');
    const { code, stderr } = await demo.ended;
    expect(stderr).toMatch(/^mailpush: (Ended by SIGINT\.|The push was given up).*\n$/);
    expect(code).toBe(1);
    await expectNothingLeft();
  });

  it('goes on to its end when nobody reads any more', async () => {
    const line = '"$0" "$1" demo | head -1; test "$(cat)" = ""';
    const { code, stderr } = await startProgram('/bin/sh', ['-c', line, process.execPath, program], {
      environment: environment(),
    }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectNothingLeft();
  });

  it('without dbus-daemon exits with 69 and says how to get it, in one line', async () => {
    const nothing = { ...environment(), PATH: temporary };
    const { code, stdout, stderr } = await runCommand(['demo'], { environment: nothing });
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr).toBe('mailpush: Install dbus-daemon (Debian: apt install dbus-daemon), then try again.\n');
    await expectNothingLeft();
  });
});
