import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { createProgram } from '../../src/cli/program.js';
import { busName } from '../../src/distributor/index.js';
import { temporaryDirectory } from '../tools/temporary-directory.js';
import { inContrib, run, tool, valuesIn } from './shipped-file.js';

const unit = inContrib('systemd/mailpush.service');
const service = inContrib(`dbus/${busName}.service`);
const desktopEntry = inContrib('autostart/mailpush.desktop');
const manual = inContrib('man/mailpush.1');

const analyze = tool('systemd-analyze', 'apt install systemd');
const validate = tool('desktop-file-validate', 'apt install desktop-file-utils');
const groff = tool('groff', 'apt install groff');

describe('the systemd unit', () => {
  it.skipIf(analyze.missing)(`is taken by systemd without a word${analyze.note}`, async () => {
    const directory = await temporaryDirectory();
    const environment = { HOME: directory, XDG_RUNTIME_DIR: directory };
    expect(run('systemd-analyze', ['--user', '--man=no', 'verify', unit], environment)).toEqual({
      status: 0,
      said: '',
    });
  });

  it('waits for the bus name, and does not try again what only the user can correct', async () => {
    const values = await valuesIn(unit);
    expect(values.get('Type')).toBe('dbus');
    expect(values.get('BusName')).toBe(busName);
    expect(values.get('Restart')).toBe('on-failure');
    expect(values.get('RestartPreventExitStatus')).toBe(`${exitCodes.loginRefused} ${exitCodes.badConfiguration}`);
    expect(values.get('ExecStart')).toBe('/usr/bin/env mailpush daemon');
  });
});

describe('the D-Bus service file', () => {
  it('is for the bus name, starts the daemon, and leaves it to systemd where that is there', async () => {
    const values = await valuesIn(service);
    expect(values.get('Name')).toBe(busName);
    expect(values.get('Exec')).toBe('/usr/bin/env mailpush daemon');
    expect(values.get('SystemdService')).toBe(basename(unit));
  });
});

describe('the autostart entry', () => {
  it('starts the daemon where systemd does not', async () => {
    const values = await valuesIn(desktopEntry);
    expect(values.get('Exec')).toBe('mailpush daemon');
    expect(values.get('X-systemd-skip')).toBe('true');
  });

  it.skipIf(validate.missing)(`is a valid desktop entry${validate.note}`, () => {
    expect(run('desktop-file-validate', [desktopEntry])).toEqual({ status: 0, said: '' });
  });
});

describe('the manual page', () => {
  it.skipIf(groff.missing)(`has no mistakes that groff knows of${groff.note}`, () => {
    expect(run('groff', ['-mdoc', '-Tutf8', '-ww', '-z', manual])).toEqual({ status: 0, said: '' });
  });

  it('has every command and every option, and no others', async () => {
    const text = await readFile(manual, 'utf8');
    const program = createProgram(new AbortController().signal);
    const items = (macro: string): string[] =>
      Array.from(text.matchAll(new RegExp(`^\\.It ${macro} (\\S+)`, 'gm')), ([, name = '']) => name);
    expect(items('Cm')).toEqual(program.commands.map((command) => command.name()));
    const options = [...program.commands.flatMap((command) => command.options), ...program.options];
    const names = [...options.map(({ long }) => long?.slice(1) ?? ''), '-help'];
    expect(items('Fl').sort()).toEqual(names.sort());
    for (const name of names) expect(text.split('.Sh DESCRIPTION')[0], name).toContain(`Fl ${name}`);
  });

  it('has every exit code', async () => {
    const [, status = ''] = (await readFile(manual, 'utf8')).split(/^\.Sh EXIT STATUS\n|^\.Sh EXAMPLES\n/m);
    expect(status.match(/(?<=^\.It )\d+$/gm)?.map(Number)).toEqual(Object.values(exitCodes));
  });
});
