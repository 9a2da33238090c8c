import { type ConfigKey, configKeys } from './schema.js';

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

/** Keys that a first configuration needs; all others stand there commented out. */
const first: readonly string[] = ['address', 'imap', 'password_command'];

function entry(key: ConfigKey): string {
  const value = key.default ?? key.example ?? '""';
  const mark = first.includes(key.key) ? '' : '# ';
  return [...wrap(key.description), `${mark}${key.key} = ${value}`].join('\n');
}

const heading = `# The configuration of mailpush, with every key there is. It belongs to $XDG_CONFIG_HOME/mailpush/config.toml, as a rule
# ~/.config/mailpush/config.toml. What begins with "# " and a key is optional and shows the default or an example.
`;

/** A commented configuration file with every key in it. */
export function sampleConfig(): string {
  return `${heading}\n[account]\n${configKeys().map(entry).join('\n\n')}\n`;
}

/** The table of keys in docs/configuration.md. */
export function configTable(): string {
  const cell = (text: string | undefined): string => (text === undefined ? '' : `\`${text}\``);
  const rows = configKeys().map(
    ({ key, description, default: fallback, example }) =>
      `| \`${key}\` | ${description.replaceAll('|', '\\|')} | ${cell(fallback)} | ${cell(example)} |`,
  );
  return ['| Key | What it is | Default | Example |', '|---|---|---|---|', ...rows].join('\n');
}
