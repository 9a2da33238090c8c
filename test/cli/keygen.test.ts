import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { parsePrivateKey } from '../../src/sender/index.js';
import { type Ended, runCommand } from '../tools/run-command.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';

const from = 'push@app.example';
let home: string;

beforeEach(async () => {
  home = await temporaryDirectory();
});

/** One line on standard error and none elsewhere; gives the line. */
function complaint({ stdout, stderr }: Ended): string {
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^mailpush: [^\n]+\n$/);
  return stderr.trimEnd();
}

describe('mailpush keygen', () => {
  it('makes a key that only its owner can read ', async () => {
    const out = join(home, 'made/for/push.asc');
    const args = ['keygen', '--addr', from, '--out', out];
    const { code, stdout, stderr } = await runCommand(args, { environment: { HOME: home }, before: 'umask 0' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^The key [0-9a-f]{40} is in \/.*push\.asc\.\n$/);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, 'made'))).mode & 0o777).toBe(0o700);
    expect(await parsePrivateKey(await readFile(out, 'utf8'))).toMatchObject({ address: from });
  });

  it('never overwrites: it exits with 1 and leaves the file as it is', async () => {
    const keyFile = join(home, 'key.asc');
    await writeFile(keyFile, 'precious');
    const result = await runCommand(['keygen', '--addr', from, '--out', keyFile]);
    expect(complaint(result)).toBe(
      `mailpush: ${keyFile} is there already and is never overwritten: name another file, or remove it first.`,
    );
    expect(result.code).toBe(1);
    expect(await readFile(keyFile, 'utf8')).toBe('precious');
  });

  it('exits with 1 where it cannot write', async () => {
    const result = await runCommand(['keygen', '--addr', from, '--out', '/proc/there/is/none.asc']);
    expect(complaint(result)).toContain('/proc/there/is/none.asc cannot be written: check the folder');
    expect(result.code).toBe(1);
  });

  it.each([
    ['without an address', ['--out', 'x'], "required option '--addr"],
    ['without a file', ['--addr', from], "required option '--out"],
    ['for an address that is none', ['--addr', 'push', '--out', 'x'], '--addr is not a mail address'],
  ])('exits with 2 %s', async (_, args, expected) => {
    const result = await runCommand(['keygen', ...args], { directory: home });
    expect(complaint(result)).toContain(expected);
    expect(result.code).toBe(2);
    expect(await readdir(home)).toEqual([]);
  });
});
