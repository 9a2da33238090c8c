import { type ConfigKey, configKeys, type SectionName } from './schema.js';

const width = 110;

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > width) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** The key that a first configuration needs beside those that are required; all others stand there commented out. */
const first: Readonly<Record<SectionName, string>> = { account: 'password_command', gateway: 'password_file' };

function entry(key: ConfigKey, section: SectionName): string {
  const value = key.default ?? key.example ?? '""';
  const mark = key.required || first[section] === key.key ? '' : '# ';
  return [...wrap(key.description), `${mark}${key.key} = ${value}`].join('\n');
}

const headings: Readonly<Record<SectionName, string>> = {
  account: `# The configuration of mailpush, with every key there is. It belongs to $XDG_CONFIG_HOME/mailpush/config.toml, as a rule
# ~/.config/mailpush/config.toml. What begins with "# " and a key is optional and shows the default or an example.
`,
  gateway: `# The configuration of \`mailpush gateway\`, with every key there is. It belongs to /etc/mailpush/gateway.toml, with the files
# that it names beside it. What begins with "# " and a key is optional and shows the default or an example.
`,
};

/** A commented configuration file with every key of a section in it. */
export function sampleConfig(section: SectionName): string {
  const entries = configKeys(section).map((key) => entry(key, section));
  return `${headings[section]}\n[${section}]\n${entries.join('\n\n')}\n`;
}

/** The table of the keys of a section in docs/configuration.md. */
export function configTable(section: SectionName): string {
  const cell = (text: string | undefined): string => (text === undefined ? '' : `\`${text}\``);
  const rows = configKeys(section).map(
    ({ key, description, default: fallback, example }) =>
      `| \`${key}\` | ${description.replaceAll('|', '\\|')} | ${cell(fallback)} | ${cell(example)} |`,
  );
  return ['| Key | What it is | Default | Example |', '|---|---|---|---|', ...rows].join('\n');
}
