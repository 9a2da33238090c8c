// Packs the package and looks at the tarball as those who install it will: what is in it, what its exports and its
// program lead to, and whether it installs and runs in an empty project.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'mailpush-package-'));
const problems = [];

/** Runs a program; returns what it wrote, or undefined after noting the problem. */
function run(what, program, args, cwd = root) {
  const result = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (result.status === 0) {
    console.log(`ok: ${what}`);
    return result.stdout;
  }
  problems.push(what);
  console.error(`not ok: ${what}\n${result.error ?? `${result.stdout}${result.stderr}`}`);
  return undefined;
}

function check(what, holds) {
  if (holds) {
    console.log(`ok: ${what}`);
  } else {
    problems.push(what);
    console.error(`not ok: ${what}`);
  }
}

/** Every file that the exports lead to, under whatever condition. */
function targets(entry) {
  return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(targets);
}

function filesBelow(directory, prefix = '') {
  return readdirSync(join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(directory, path) : [path];
  });
}

function checkContents(directory) {
  const { exports, bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  for (const [subPath, entry] of Object.entries(exports)) {
    check(
      `${subPath} leads to files that are in the tarball`,
      targets(entry).every((path) => existsSync(join(directory, path))),
    );
  }
  for (const [name, path] of Object.entries(bin)) {
    const program = join(directory, path);
    check(`${name} is an executable`, existsSync(program) && (statSync(program).mode & 0o111) === 0o111);
    check(
      `${name} names its interpreter`,
      existsSync(program) && readFileSync(program, 'utf8').startsWith('#!/usr/bin/env node\n'),
    );
  }
  const unwanted = filesBelow(directory).filter((path) => /\.test\.|^(src|test|scripts|fixtures|\.ci)\//.test(path));
  check(
    `no tests, fixtures or sources in the tarball ${unwanted.slice(0, 5).join(' ')}`.trimEnd(),
    unwanted.length === 0,
  );
  return Object.keys(exports).filter((subPath) => !subPath.endsWith('.json'));
}

function checkInstalled(tarball, subPaths) {
  const project = join(work, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}\n');
  const options = ['--omit=dev', '--prefer-offline', '--no-audit', '--no-fund'];
  if (
    run('the tarball installs into an empty project', 'npm', ['install', ...options, tarball], project) === undefined
  ) {
    return;
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const printed = run('mailpush --version runs', join(project, 'node_modules/.bin/mailpush'), ['--version'], project);
  check(`mailpush --version prints ${version}`, printed?.trim() === version);
  const nowhere = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere', PATH: process.env.PATH };
  const asked = spawnSync(join(project, 'node_modules/.bin/mailpush'), ['status'], { encoding: 'utf8', env: nowhere });
  check('mailpush status runs, and ends with 69 where there is no bus', asked.status === 69);
  for (const subPath of subPaths) {
    const specifier = `mailpush${subPath.slice(1)}`;
    const program = `if (Object.keys(await import('${specifier}')).length === 0) process.exit(1);`;
    run(`${specifier} can be imported`, process.execPath, ['--input-type=module', '--eval', program], project);
  }
}

try {
  run('npm pack', 'npm', ['pack', '--pack-destination', work]);
  const name = readdirSync(work).find((file) => file.endsWith('.tgz'));
  if (name !== undefined) {
    const tarball = join(work, name);
    run('publint', join(root, 'node_modules/.bin/publint'), ['run', tarball, '--strict']);
    run('attw', join(root, 'node_modules/.bin/attw'), [tarball, '--profile', 'esm-only']);
    run('tar', 'tar', ['-xzf', tarball, '-C', work]);
    checkInstalled(tarball, checkContents(join(work, 'package')));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(`${problems.length} problems with the package`);
  process.exitCode = 1;
}
