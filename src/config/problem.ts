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

type Keys = Readonly<Record<'account' | 'gateway', readonly string[]>>;

const secretRemedies: Readonly<Record<string, string>> = {
  password: 'password_command or password_file',
  token: 'token_command',
  secret: 'secret_file',
  key: 'key_file',
  redis_password: 'redis_password_file',
};

function unknownKey(path: readonly { readonly key?: unknown }[], keys: Keys, wanted: keyof Keys): string {
  const [first = '', second] = path.map(({ key }) => String(key));
  if (second === undefined) {
    const others = (['account', 'gateway'] as const).filter((name) => name !== wanted);
    const home = [wanted, ...others].find((name) => keys[name].includes(first));
    if (home !== undefined) return `belongs to the section [${home}]: put it below a line that says so`;
  }
  const remedy = Object.hasOwn(secretRemedies, second ?? '') ? secretRemedies[second ?? ''] : undefined;
  if (remedy !== undefined) return `is not known, as no secret stands in this file: use ${remedy}`;
  return 'is not known: remove it, or check its spelling (docs/configuration.md has every key)';
}

function sentenceOf(issue: Issue, path: readonly { readonly key?: unknown }[]): string {
  if (issue.input === undefined) return 'is missing: add it';
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
 * @param keys the keys of each section.
 * @param wanted the section that is read.
 */
export function problemIn(issues: readonly [Issue, ...Issue[]], keys: Keys, wanted: keyof Keys): ConfigProblem {
  const issue = issues.find(isUnknownKey) ?? issues[0];
  const path = issue.path ?? [];
  const [root] = path;
  if (Array.isArray(root?.value)) {
    const name = writtenKey([root]);
    return { key: `[${name}]`, problem: `must be one section: write [${name}] on a line of its own` };
  }
  const isSection = path.length === 1 && !isUnknownKey(issue);
  const key = isSection ? `[${writtenKey(path)}]` : writtenKey(path);
  return { key, problem: isUnknownKey(issue) ? unknownKey(path, keys, wanted) : sentenceOf(issue, path) };
}
