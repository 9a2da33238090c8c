/** What a rule is to do, and what it may use for it. */
export interface RuleOptions {
  /** Where push mail goes: a folder as the IMAP server names it, in Unicode, which Sieve writes as UTF-8 (RFC 5228 §2.1). */
  readonly folder: string;
  /** Whether the server has the extension `mailbox` (RFC 5490), so that a folder that is missing is made. */
  readonly creates: boolean;
}

/** A string of Sieve (RFC 5228 §2.4.2); nothing of what it holds ends it. */
export function sieveString(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** The line with which a script says what it uses (RFC 5228 §3.2). */
export function requireLine(extensions: readonly string[]): string {
  return `require [${extensions.map(sieveString).join(', ')}];`;
}

/** The extensions that {@link ruleBlock} needs. */
export function ruleExtensions({ creates }: Pick<RuleOptions, 'creates'>): readonly string[] {
  return creates ? ['fileinto', 'mailbox'] : ['fileinto'];
}

/**
 * The rule itself, without the line `require`: push mail, which has both an Email-Notify header of version 1 and the content
 * type of encrypted mail, goes into the folder, and no other rule sees it. All other mail goes on as if it were not there.
 */
export function ruleBlock({ folder, creates }: RuleOptions): string {
  return `if allof (header :contains "Email-Notify" "v=1",
          header :contains "Content-Type" "multipart/encrypted") {
  fileinto ${creates ? ':create ' : ''}${sieveString(folder)};
  stop;
}`;
}

/** The rule as a script of its own, to be pasted by hand. */
export function rule(options: RuleOptions): string {
  return `${requireLine(ruleExtensions(options))}\n${ruleBlock(options)}`;
}
