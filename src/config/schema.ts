import * as v from 'valibot';
import { flag, text } from './entry-kinds.js';
import { ConfigError } from './errors.js';
import { type GatewaySection, gatewayEntries } from './gateway-entries.js';
import { problemIn } from './problem.js';
import { readTomlFile } from './toml-file.js';

const pollRange = 'must be a whole number from 1 to 3600';

// Every key of the section [account]: defaults, sample file and the table in docs/configuration.md all come from here, and
// the compiler holds it to the type below.
const accountEntries = {
  address: v.pipe(
    text,
    v.description('The mail address that goes into endpoints, at most 90 characters; pushes are mailed to it.'),
    v.examples(['alice@example.org']),
  ),
  imap: v.pipe(
    text,
    v.description(
      'The mail server: imaps://user@host (TLS), imap+starttls://user@host, or imap://user@host, which is not protected and only goes to this machine. The user is percent-encoded; without one it is the address.',
    ),
    v.examples(['imaps://alice@mail.example.org']),
  ),
  password_command: v.pipe(
    v.optional(text),
    v.description(
      'A shell command that prints the password. One of password_command, password_file and token_command has to be there.',
    ),
    v.examples(['secret-tool lookup mail alice']),
  ),
  password_file: v.pipe(
    v.optional(text),
    v.description('A file with the password in its first line, readable by nobody else (chmod 600).'),
    v.examples(['~/.config/mailpush/password']),
  ),
  token_command: v.pipe(
    v.optional(text),
    v.description('A shell command that prints an OAuth 2 access token; it is run at every login.'),
    v.examples(['oauth-helper alice@example.org']),
  ),
  folder: v.pipe(
    v.optional(v.pipe(text, v.regex(/^\P{Cc}+$/u, 'must have no control characters')), 'INBOX'),
    v.description('The folder in which pushes arrive.'),
  ),
  sieve: v.pipe(
    v.optional(text),
    v.description(
      'The server with your Sieve scripts (ManageSieve), for `mailpush filing`; by default the host and user of imap. STARTTLS is required, but for this machine.',
    ),
    v.examples(['sieve://alice@mail.example.org']),
  ),
  insecure: v.pipe(
    v.optional(flag, false),
    v.description(
      'Allow imap:// to other machines, and ManageSieve without STARTTLS: password and mail headers can be read by everybody on the way.',
    ),
  ),
  ca_file: v.pipe(
    v.optional(text),
    v.description(
      'Certificates in PEM of a private authority, trusted instead of the usual ones; for the gateway, beside them.',
    ),
    v.examples(['/etc/ssl/private-ca.pem']),
  ),
  poll_seconds: v.pipe(
    v.optional(
      v.pipe(v.number(pollRange), v.integer(pollRange), v.minValue(1, pollRange), v.maxValue(3600, pollRange)),
      60,
    ),
    v.description(
      'How often a mail server that cannot announce new mail (no IDLE) is asked for it, in seconds, 1 to 3600. Others are asked every 2 minutes, whatever this is.',
    ),
  ),
  keep_rejected: v.pipe(
    v.optional(flag, false),
    v.description('Keep refused pushes in the mailbox instead of removing them.'),
  ),
  apps: v.pipe(
    v.optional(v.picklist(['allow', 'deny'], 'must be "allow" or "deny"'), 'allow'),
    v.description('Whether apps may register: allow or deny.'),
  ),
  gateway: v.pipe(
    v.optional(text),
    v.description(
      'A gateway (https://host, no path), so that ordinary Web Push servers can push to your apps; without one only app servers that send mail can. http:// goes to this machine only.',
    ),
    v.examples(['https://push.example.org']),
  ),
  smtp: v.pipe(
    v.optional(text),
    v.description('An SMTP server for `mailpush test`. Not used by this version.'),
    v.examples(['smtps://alice@mail.example.org']),
  ),
};

/** The configuration as written, with defaults in place. */
export interface ConfigFile {
  /** For the distributor. */
  readonly account?:
    | {
        readonly address: string;
        readonly imap: string;
        readonly password_command?: string | undefined;
        readonly password_file?: string | undefined;
        readonly token_command?: string | undefined;
        readonly folder: string;
        readonly sieve?: string | undefined;
        readonly insecure: boolean;
        readonly ca_file?: string | undefined;
        readonly poll_seconds: number;
        readonly keep_rejected: boolean;
        readonly apps: 'allow' | 'deny';
        readonly gateway?: string | undefined;
        readonly smtp?: string | undefined;
      }
    | undefined;
  readonly gateway?: GatewaySection | undefined;
}

/** Name of a section of the configuration. */
export type SectionName = keyof ConfigFile;

const mustBeSection = (name: SectionName): string => `must be a section: write [${name}] on a line of its own`;

const configSchema: v.GenericSchema<unknown, ConfigFile> = v.strictObject({
  account: v.optional(v.strictObject(accountEntries, mustBeSection('account'))),
  gateway: v.optional(v.strictObject(gatewayEntries, mustBeSection('gateway'))),
});

const entries = { account: accountEntries, gateway: gatewayEntries } as const;

/** One key of a section, as documentation tells it. */
export interface ConfigKey {
  readonly key: string;
  readonly description: string;
  /** As it stands in TOML; undefined when the key has none. */
  readonly default: string | undefined;
  readonly example: string | undefined;
  /** Whether there is no file without it. */
  readonly required: boolean;
}

/** Every key of a section, for its sample file and the documentation. */
export function configKeys(section: SectionName): ConfigKey[] {
  return Object.entries<v.GenericSchema>(entries[section]).map(([key, schema]) => {
    const fallback: unknown = v.getDefault(schema);
    const [example]: readonly unknown[] = v.getExamples(schema);
    return {
      key,
      description: v.getDescription(schema) ?? '',
      default: fallback === undefined ? undefined : JSON.stringify(fallback),
      example: example === undefined ? undefined : JSON.stringify(example),
      required: !v.is(schema, undefined),
    };
  });
}

/**
 * Reads a section of the configuration file, in which another may stand too: a mistake in either is told.
 *
 * @throws ConfigError with the first thing that is wrong.
 */
export async function readSection<Name extends SectionName>(
  name: Name,
  file: string,
): Promise<NonNullable<ConfigFile[Name]>> {
  const result = v.safeParse(configSchema, await readTomlFile(file));
  const broken = (key: string, problem: string): ConfigError =>
    new ConfigError('ERR_CONFIG_KEY', `${file}: ${key} ${problem}.`);
  if (!result.success) {
    const keys = { account: Object.keys(accountEntries), gateway: Object.keys(gatewayEntries) };
    const { key, problem } = problemIn(result.issues, keys, name);
    throw broken(key, problem);
  }
  const section = result.output[name];
  if (section === undefined) throw broken(`[${name}]`, 'is missing: add the section');
  return section;
}
