import type { BaseIssue } from 'valibot';

/** One thing that is wrong: the key, as `account.folder`, and the rest of a sentence that begins with it. */
export interface ConfigProblem {
  readonly key: string;
  readonly problem: string;
}

type Issue = BaseIssue<unknown>;

const maxKeyChars = 60;

/** As TOML writes it: a key that is more than letters, digits, `_` and `-` has quotes. */
function writtenKey(path: readonly { readonly key?: unknown }[]): string {
  const parts = path.map(({ key }) => String(key)).map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key)));
  const written = parts.join('.');
  return written.length > maxKeyChars ? `${written.slice(0, maxKeyChars)}…` : written;
}

/** What TOML calls a value; never the value itself, which may be a password that went to the wrong key. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'a text in quotes';
  if (typeof value === 'boolean') return 'true or false';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Date ? 'a date' : 'a section';
}

const isUnknownKey = (issue: Issue): boolean => issue.expected === 'never';

function unknownKey(path: readonly { readonly key?: unknown }[], accountKeys: readonly string[]): string {
  const [first, second] = path.map(({ key }) => String(key));
  if (second === undefined && accountKeys.includes(first ?? '')) {
    return 'belongs to the section [account]: put it below a line that says so';
  }
  if (second === 'password' || second === 'token') {
    return 'is not known, as no secret stands in this file: use password_command, password_file or token_command';
  }
  return 'is not known: remove it, or check its spelling (docs/configuration.md has every key)';
}

function sentenceOf(issue: Issue, path: readonly { readonly key?: unknown }[], accountKeys: readonly string[]): string {
  if (isUnknownKey(issue)) return unknownKey(path, accountKeys);
  if (issue.input === undefined) return path.length === 1 ? 'is missing: add the section' : 'is missing: add it';
  if (issue.type === 'non_empty') return 'is empty: give it a value, or remove it';
  if (path.at(-1)?.key === 'apps' && issue.input === 'ask') {
    return 'cannot be "ask" in this version yet: use "allow" or "deny"';
  }
  return issue.kind === 'schema' && issue.type !== 'picklist'
    ? `${issue.message}, not ${kindOf(issue.input)}`
    : issue.message;
}

/**
 * Picks what to tell first of all that is wrong. An unknown key comes before a missing one: as a rule it is the missing one,
 * misspelt.
 *
 * @param accountKeys the keys of the section `[account]`.
 */
export function problemIn(issues: readonly [Issue, ...Issue[]], accountKeys: readonly string[]): ConfigProblem {
  const issue = issues.find(isUnknownKey) ?? issues[0];
  const path = issue.path ?? [];
  const [root] = path;
  if (Array.isArray(root?.value)) {
    const name = writtenKey([root]);
    return { key: `[${name}]`, problem: `must be one section: write [${name}] on a line of its own` };
  }
  const isSection = path.length === 1 && !isUnknownKey(issue);
  const key = isSection ? `[${writtenKey(path)}]` : writtenKey(path);
  return { key, problem: sentenceOf(issue, path, accountKeys) };
}
