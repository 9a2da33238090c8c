import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports: published } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string; default: string } | string>;
};

/** The source of each sub-path that the package exports, such as `./sender`. */
const entries = new Map<string, string>();
for (const [name, target] of Object.entries(published)) {
  if (typeof target === 'string') continue;
  entries.set(name, join(root, target.default.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')));
}

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  isolatedDeclarations: true,
  declaration: true,
  stripInternal: true,
};

/** What a text imports, by whatever syntax, its types included. */
function importsOf(text: string): string[] {
  const { importedFiles, referencedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...referencedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}

/** The files that `entry` reaches, each transpiled, and the packages that they name. */
function walk(
  entry: string,
  transpile: (text: string, fileName: string) => string,
): { files: Map<string, string>; packages: Map<string, string> } {
  const files = new Map<string, string>();
  const packages = new Map<string, string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    const output = transpile(readFileSync(file, 'utf8'), file);
    files.set(file, output);
    for (const name of importsOf(output)) {
      if (name.startsWith('.')) open.push(resolve(dirname(file), name.replace(/\.js$/, '.ts')));
      else if (!name.startsWith('node:')) packages.set(name, relative(root, file));
    }
  }
  return { files, packages };
}

function toJavaScript(text: string, fileName: string): string {
  return ts.transpileModule(text, { fileName, compilerOptions }).outputText;
}

function toDeclarations(text: string, fileName: string): string {
  const { outputText, diagnostics } = ts.transpileDeclaration(text, { fileName, compilerOptions });
  expect(diagnostics?.map(({ messageText }) => messageText)).toEqual([]);
  return outputText;
}

// Says which modules Node really loads: ES modules as the loader sees them, CommonJS modules by Node's own list.
const hooks = `
import { appendFileSync } from 'node:fs';
let log;
export function initialize(data) { log = data.log; }
export function load(url, context, next) { appendFileSync(log, url + '\\n'); return next(url, context); }
`;
const loader = `
import Module, { register } from 'node:module';
import { appendFileSync } from 'node:fs';
const [, , entry, log] = process.argv;
register('./hooks.mjs', import.meta.url, { data: { log } });
await import(entry);
appendFileSync(log, Object.keys(Module._cache).join('\\n'));
process.exit();
`;

describe('what an import of the package loads', () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'mailpush-imports-'));
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
    writeFileSync(join(directory, 'hooks.mjs'), hooks);
    writeFileSync(join(directory, 'loader.mjs'), loader);
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function loadedPackages(name: string): Promise<Set<string>> {
    const entry = entries.get(name) ?? '';
    const place = (file: string): string => join(directory, relative(root, file).replace(/\.ts$/, '.js'));
    for (const [file, text] of walk(entry, toJavaScript).files) {
      mkdirSync(dirname(place(file)), { recursive: true });
      writeFileSync(place(file), text);
    }
    const log = join(directory, `${name.replace(/\W/g, '')}.log`);
    await promisify(execFile)(process.execPath, [join(directory, 'loader.mjs'), place(entry), log]);
    const packages = new Set<string>();
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      const found = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)?.[1];
      if (found !== undefined) packages.add(found);
    }
    return packages;
  }

  const forbidden = ['dbus-next', 'classic-level', 'fastify', 'imapflow', 'hoodiecrow-imap', 'smtp-server'];

  it.each([
    ['./sender', ['nodemailer', 'openpgp', 'p-queue', 'http_ece', 'mailparser'], [...forbidden, 'pino', 'commander']],
    ['./notify-spec', ['mailparser'], [...forbidden, 'openpgp', 'pino', 'commander']],
  ])('by %s is what it needs and nothing else', async (name, wanted, unwanted) => {
    const packages = await loadedPackages(name);
    expect([...packages]).toEqual(expect.arrayContaining(wanted));
    expect([...packages].filter((each) => unwanted.includes(each))).toEqual([]);
  });

  it('by ./connector is a D-Bus library and none of the others', async () => {
    if (!existsSync(entries.get('./connector') ?? '')) return;
    const packages = await loadedPackages('./connector');
    const unwanted = [...forbidden.filter((each) => each !== 'dbus-next'), 'openpgp', 'nodemailer', 'mailparser'];
    expect([...packages].filter((each) => unwanted.includes(each))).toEqual([]);
    expect(packages).toContain('dbus-next');
  });
});

describe('the public declarations', () => {
  it.each([...entries.keys()])('of %s name no type of another package', (name) => {
    const entry = entries.get(name) ?? '';
    if (!existsSync(entry)) return;
    const { files, packages } = walk(entry, toDeclarations);
    expect([...packages]).toEqual([]);
    expect(files.size).toBeGreaterThan(3);
  });

  it('would be caught if they did', () => {
    expect([...walk(join(root, 'src/crypto/parsed-keys.ts'), toDeclarations).packages.keys()]).toEqual(['openpgp']);
  });
});
