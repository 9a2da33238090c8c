import * as v from 'valibot';

const text = v.pipe(v.string(), v.nonEmpty());

// Every key of the configuration file: defaults, sample file and the table in docs/configuration.md all come from here, and
// the compiler holds it to the type below.
const accountEntries = {
  address: v.pipe(
    text,
    v.description('The mail address that goes into endpoints; pushes are mailed to it.'),
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
    v.description('A shell command that prints an OAuth 2 access token; it is asked at every login.'),
    v.examples(['oauth-helper alice@example.org']),
  ),
  folder: v.pipe(v.optional(text, 'INBOX'), v.description('The folder in which pushes arrive.')),
  insecure: v.pipe(
    v.optional(v.boolean(), false),
    v.description('Allow imap:// to other machines: password and mail headers can be read by everybody on the way.'),
  ),
  ca_file: v.pipe(
    v.optional(text),
    v.description('Certificates in PEM of a private authority, trusted instead of the usual ones.'),
    v.examples(['/etc/ssl/private-ca.pem']),
  ),
  keep_rejected: v.pipe(
    v.optional(v.boolean(), false),
    v.description('Keep refused pushes in the mailbox instead of removing them.'),
  ),
  apps: v.pipe(
    v.optional(v.picklist(['allow', 'deny']), 'allow'),
    v.description('Whether apps may register: allow or deny.'),
  ),
  gateway: v.pipe(
    v.optional(text),
    v.description('A gateway for ordinary Web Push servers. Not used by this version.'),
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
  readonly account: {
    readonly address: string;
    readonly imap: string;
    readonly password_command?: string | undefined;
    readonly password_file?: string | undefined;
    readonly token_command?: string | undefined;
    readonly folder: string;
    readonly insecure: boolean;
    readonly ca_file?: string | undefined;
    readonly keep_rejected: boolean;
    readonly apps: 'allow' | 'deny';
    readonly gateway?: string | undefined;
    readonly smtp?: string | undefined;
  };
}

const configSchema: v.GenericSchema<unknown, ConfigFile> = v.strictObject({
  account: v.strictObject(accountEntries),
});

/** One key of the section `[account]`, as documentation tells it. */
export interface ConfigKey {
  readonly key: string;
  readonly description: string;
  /** As it stands in TOML; undefined when the key has none. */
  readonly default: string | undefined;
  readonly example: string | undefined;
}

/** Every key, for the sample file and the documentation. */
export function configKeys(): ConfigKey[] {
  return Object.entries(accountEntries).map(([key, schema]) => {
    const fallback: unknown = v.getDefault(schema);
    const [example] = v.getExamples(schema);
    return {
      key,
      description: v.getDescription(schema) ?? '',
      default: fallback === undefined ? undefined : JSON.stringify(fallback),
      example: example === undefined ? undefined : JSON.stringify(example),
    };
  });
}

/** One thing that is wrong: the key, as `account.folder`, and what it should be. */
export interface ConfigProblem {
  readonly key: string;
  readonly problem: string;
}

function problemOf(issue: v.BaseIssue<unknown>): ConfigProblem {
  const key = v.getDotPath(issue) ?? 'the file';
  if (issue.expected === 'never') return { key, problem: 'is not known: remove it, or check its spelling' };
  if (issue.received === 'undefined') return { key, problem: 'is missing: add it' };
  if (issue.type === 'non_empty') return { key, problem: 'is empty: give it a value, or remove it' };
  return { key, problem: `must be ${issue.expected ?? 'valid'}, not ${issue.received}` };
}

/** Reads a parsed TOML document, or names the first thing that is wrong with it. */
export function readConfigFile(
  document: unknown,
): { readonly ok: true; readonly config: ConfigFile } | { readonly ok: false; readonly problem: ConfigProblem } {
  const result = v.safeParse(configSchema, document);
  return result.success ? { ok: true, config: result.output } : { ok: false, problem: problemOf(result.issues[0]) };
}
