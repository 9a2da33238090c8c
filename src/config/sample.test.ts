import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load-config.js';
import { configTable, sampleConfig } from './sample.js';
import { configKeys, readConfigFile } from './schema.js';

// The files are written anew from the schema by: npx vitest run -u src/config/sample.test.ts
const sampleFile = fileURLToPath(new URL('../../contrib/config.toml', import.meta.url));
const document = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

/** The document with what stands between two marks replaced. */
function withGenerated(text: string, name: string, generated: string): string {
  const [begin, end] = [`<!-- ${name}: from the schema -->`, `<!-- ${name}: end -->`];
  const [before, rest = ''] = text.split(begin);
  expect(rest, `${begin} … ${end}`).toContain(end);
  return `${before}${begin}\n\n${generated}\n\n${end}${rest.split(end)[1]}`;
}

describe('the sample configuration', () => {
  it('is the one in contrib', async () => {
    await expect(sampleConfig()).toMatchFileSnapshot(sampleFile);
  });

  it('is accepted as it is', async () => {
    await expect(loadConfig(sampleFile)).resolves.toMatchObject({ address: 'alice@example.org', unused: [] });
  });

  it('has every key once', () => {
    const keys = sampleConfig().match(/^(?:# )?\w+(?= = )/gm) ?? [];
    expect(keys.map((key) => key.replace('# ', ''))).toEqual(configKeys().map(({ key }) => key));
  });

  it.each(configKeys().map(({ key }) => key))('is accepted with %s in place', (key) => {
    const text = sampleConfig().replace(new RegExp(`^# (?=${key} = )`, 'm'), '');
    expect(readConfigFile(parse(text))).toMatchObject({ ok: true, config: { account: { [key]: expect.anything() } } });
  });
});

describe('docs/configuration.md', () => {
  it('has the table and the sample of the schema', async () => {
    const text = await readFile(document, 'utf8');
    const table = withGenerated(text, 'keys', configTable());
    const whole = withGenerated(table, 'sample', `\`\`\`toml\n${sampleConfig()}\`\`\``);
    await expect(whole).toMatchFileSnapshot(document);
  });
});

describe('every key', () => {
  it.each(configKeys().map((key) => [key.key, key] as const))(
    '%s is described, and has a default or an example',
    (_, key) => {
      expect(key.description).toMatch(/^[A-Z].*\.$/);
      expect(key.default ?? key.example).toBeDefined();
    },
  );
});
