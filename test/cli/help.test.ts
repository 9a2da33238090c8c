import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../tools/run-command.js';

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('mailpush', () => {
  it('says its version', async () => {
    expect(await runCommand(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([[['--help']], [['help']]])('lists its commands for %j', async (args) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of ['daemon', 'status', 'apps', 'trust', 'filing', 'send', 'keygen', 'gateway', 'demo'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  it('explains a command', async () => {
    const { code, stdout } = await runCommand(['send', '--help']);
    expect(code).toBe(0);
    for (const option of ['--smtp', '--from', '--key', '--ttl', '--urgency', '--topic', '--verbose']) {
      expect(stdout).toContain(option);
    }
  });

  it.each([
    ['an unknown command', ['fly'], "mailpush: unknown command 'fly' (--help tells more)\n"],
    ['a misspelt command', ['daemn'], "mailpush: unknown command 'daemn' (Did you mean daemon?) (--help tells more)\n"],
    ['an unknown option', ['--fly'], "mailpush: unknown option '--fly' (--help tells more)\n"],
    [
      'an option without its value',
      ['daemon', '--config'],
      /^mailpush: option '--config <file>' argument missing .*\n$/,
    ],
    ['an empty file name', ['daemon', '--config', ''], /^mailpush: .*It must not be empty\. .*\n$/],
    ['an argument too many', ['daemon', 'now'], /^mailpush: too many arguments for 'daemon'.*\n$/],
  ])('exits with 2 for %s, in one line', async (_, args, expected) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });

  it('shows its help and exits with 2 without a command', async () => {
    const { code, stdout, stderr } = await runCommand([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: mailpush /);
  });

  it('prints no control characters of its arguments', async () => {
    const { code, stderr } = await runCommand(['keygen', '--addr', 'x', '--out', '\u001b[2J', '\u001b[2J']);
    expect(code).toBe(2);
    expect(stderr).not.toContain('\u001b');
  });
});
