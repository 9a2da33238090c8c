import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from './load-config.js';
import { configTable, sampleConfig } from './sample.js';
import { configKeys, readSection } from './schema.js';

// The files are written anew from the schema by: npx vitest run src/config/sample.test.ts -u
const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const document = inRepository('docs/configuration.md');
const sections = [
  { section: 'account', sampleFile: inRepository('contrib/config.toml') },
  { section: 'gateway', sampleFile: inRepository('contrib/gateway.toml') },
] as const;

/** The document with what stands between two marks replaced. */
function withGenerated(text: string, name: string, generated: string): string {
  const [begin, end] = [`<!-- ${name}: from the schema -->`, `<!-- ${name}: end -->`];
  const [before, rest = ''] = text.split(begin);
  expect(rest, `${begin} … ${end}`).toContain(end);
  return `${before}${begin}\n\n${generated}\n\n${end}${rest.split(end)[1]}`;
}

async function written(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mailpush-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'config.toml');
  await writeFile(file, text);
  return file;
}

describe.each(sections)('the sample of the section [$section]', ({ section, sampleFile }) => {
  const keys = configKeys(section);

  it('is the one in contrib', async () => {
    await expect(sampleConfig(section)).toMatchFileSnapshot(sampleFile);
  });

  it('is accepted as it is', async () => {
    await expect(readSection(section, sampleFile)).resolves.toBeDefined();
  });

  it('has every key once', () => {
    const found = sampleConfig(section).match(/^(?:# )?\w+(?= = )/gm) ?? [];
    expect(found.map((key) => key.replace('# ', ''))).toEqual(keys.map(({ key }) => key));
  });

  it.each(keys.map(({ key }) => key))('is accepted with %s in place', async (key) => {
    const text = sampleConfig(section).replace(new RegExp(`^# (?=${key} = )`, 'm'), '');
    expect(await readSection(section, await written(text))).toMatchObject({ [key]: expect.anything() });
  });

  it.each(keys.filter(({ required }) => required).map(({ key }) => key))('is not accepted without %s', async (key) => {
    const file = await written(sampleConfig(section).replace(new RegExp(`^${key} = .*$`, 'm'), ''));
    await expect(readSection(section, file)).rejects.toThrow(`${section}.${key} is missing: add it.`);
  });

  it.each(keys.map((key) => [key.key, key] as const))(
    'has a description of %s, and a default or an example',
    (_, key) => {
      expect(key.description).toMatch(/^[A-Z].*\.$/);
      expect(key.default ?? key.example).toBeDefined();
    },
  );
});

it('the sample for the distributor uses nothing that this version does not', async () => {
  const [{ sampleFile }] = sections;
  await expect(loadConfig(sampleFile)).resolves.toMatchObject({ address: 'alice@example.org', unused: [] });
});

it('both sections may stand in one file', async () => {
  const file = await written(sampleConfig('account') + sampleConfig('gateway'));
  expect(await readSection('account', file)).toMatchObject({ address: 'alice@example.org' });
  expect(await readSection('gateway', file)).toMatchObject({ from: 'push@app.example' });
});

it('the configuration in docs/app-servers.md is accepted, and names what is made there', async () => {
  const text = await readFile(inRepository('docs/app-servers.md'), 'utf8');
  const [, toml = ''] = /^```toml\n(\[gateway\]\n.*?)^```$/ms.exec(text) ?? [];
  const section = await readSection('gateway', await written(toml));
  for (const name of [section.secret_file, section.password_file]) expect(text).toContain(`> ${name}`);
  expect(text).toContain(`mailpush keygen --addr ${section.from} --out ${section.key_file}`);
});

describe('docs/configuration.md', () => {
  it('has the tables and the sample of the schema', async () => {
    let text = await readFile(document, 'utf8');
    for (const { section } of sections) text = withGenerated(text, `keys of ${section}`, configTable(section));
    text = withGenerated(text, 'sample', `\`\`\`toml\n${sampleConfig('account')}\`\`\``);
    await expect(text).toMatchFileSnapshot(document);
  });
});
