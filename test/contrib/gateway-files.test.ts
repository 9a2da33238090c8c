import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { canRun } from '../interop/outside-program.js';
import { inContrib, run, tool, valuesIn } from './shipped-file.js';

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const unit = inContrib('systemd/mailpush-gateway.service');
const analyze = tool('systemd-analyze', 'apt install systemd');
const hadolint = inRepository('.cache/hadolint/bin/hadolint');
const canLint = canRun('hadolint', existsSync(hadolint), 'scripts/test-servers');

describe('the systemd unit of the gateway', () => {
  it.skipIf(analyze.missing)(`is taken by systemd without a word${analyze.note}`, () => {
    expect(run('systemd-analyze', ['--man=no', 'verify', unit])).toEqual({ status: 0, said: '' });
  });

  it.skipIf(analyze.missing)(`exposes next to nothing of the machine${analyze.note}`, () => {
    const { status, said } = run('systemd-analyze', ['security', '--offline=true', '--threshold=15', unit]);
    expect(said).toContain('Overall exposure level for mailpush-gateway.service: 1.');
    expect(status).toBe(0);
  });

  it('is given every file of the sample configuration, and does not try again what only a person can correct', async () => {
    const text = await readFile(unit, 'utf8');
    const given = Array.from(text.matchAll(/^LoadCredential=(\S+):\/etc\/mailpush\/(\S+)$/gm), ([, id, file]) => [
      id,
      file,
    ]);
    const sample = await readFile(inContrib('gateway.toml'), 'utf8');
    const named = Array.from(sample.matchAll(/^\w+_file = "(.+)"$/gm), ([, name]) => name);
    expect(given).toEqual(['gateway.toml', ...named].map((name) => [name, name]));
    const values = await valuesIn(unit);
    expect(values.get('ExecStart')).toBe('/usr/bin/env mailpush gateway --config %d/gateway.toml');
    expect(values.get('RestartPreventExitStatus')).toBe(`${exitCodes.loginRefused} ${exitCodes.badConfiguration}`);
    expect(values.has('MemoryDenyWriteExecute'), 'no JavaScript engine would run').toBe(false);
  });
});

describe('the Dockerfile', () => {
  it.skipIf(!canLint)('has nothing that hadolint would have otherwise', () => {
    expect(run(hadolint, ['--failure-threshold', 'style', inRepository('Dockerfile')])).toEqual({
      status: 0,
      said: '',
    });
  });

  it('copies nothing that .dockerignore keeps from it', async () => {
    const ignore = await readFile(inRepository('.dockerignore'), 'utf8');
    const allowed = Array.from(ignore.matchAll(/^!(\S+)$/gm), ([, path]) => path);
    const copies = (await readFile(inRepository('Dockerfile'), 'utf8')).matchAll(/^COPY (?!--from)(.*)$/gm);
    const copied = new Set(Array.from(copies, ([, words = '']) => words.split(' ').slice(0, -1)).flat());
    expect([...copied].sort()).toEqual(allowed.sort());
  });

  it('runs on a version of Node that the package allows, and as somebody else than root', async () => {
    const text = await readFile(inRepository('Dockerfile'), 'utf8');
    const images = Array.from(text.matchAll(/^FROM (\S+)/gm), ([, image]) => image);
    expect(new Set(images)).toEqual(new Set(['node:22-bookworm-slim']));
    expect(text).toMatch(/^USER 1000$/m);
  });
});
