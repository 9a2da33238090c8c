import { type RuleOptions, requireLine, ruleBlock, ruleExtensions, sieveString } from './rule.js';

/** The name of our script on the server. */
export const filingScriptName = 'mailpush';

/** What our script says. */
export interface FilingScript extends RuleOptions {
  /** The user's own script, which was active before ours and is run from it; undefined if there was none. */
  readonly own: string | undefined;
}

const heading = `# Written by "mailpush filing --install"; "mailpush filing --remove" takes it away.
# Change nothing here: your rules belong into your own script.`;

const folderMark = '# Folder: ';
const ownMark = '# Your own script: ';

/**
 * The text of our script: the rule first, then the user's own script by `include` (RFC 6609). The rule stops for push mail
 * only. The user's script is optional, so that push mail is filed also when it was deleted; it cancels the implicit keep, or
 * not, as if it were alone.
 */
export function writeFilingScript(script: FilingScript): string {
  const { folder, own } = script;
  const extensions = [...ruleExtensions(script), ...(own === undefined ? [] : ['include'])];
  const parts = [
    heading,
    `${folderMark}${folder}`,
    ...(own === undefined ? [] : [`${ownMark}${own}`]),
    requireLine(extensions),
    '',
    ruleBlock(script),
    ...(own === undefined ? [] : ['', `include :personal :optional ${sieveString(own)};`]),
    '',
  ];
  return parts.join('\n').replaceAll('\n', '\r\n');
}

/** Servers may store line ends, and an empty line at the end, in their own way. */
const normalized = (text: string): string => text.replaceAll('\r\n', '\n').trimEnd();

/**
 * What a script says, if it is ours and as we have written it.
 *
 * @returns undefined for any other, one of ours that somebody has changed included.
 */
export function readFilingScript(bytes: Uint8Array): FilingScript | undefined {
  const text = normalized(Buffer.from(bytes).toString('utf8'));
  const lines = text.split('\n');
  const after = (mark: string): string | undefined => lines.find((line) => line.startsWith(mark))?.slice(mark.length);
  const folder = after(folderMark);
  if (folder === undefined) return undefined;
  const own = after(ownMark);
  const script = { folder, own, creates: after('  fileinto :create ') !== undefined };
  return normalized(writeFilingScript(script)) === text ? script : undefined;
}

/** Whether a script of the user runs ours by itself, so that ours cannot run it too. */
export function includesOurs(bytes: Uint8Array): boolean {
  return new RegExp(`\\binclude\\b[^;"]*${sieveString(filingScriptName)}`, 'i').test(
    Buffer.from(bytes).toString('utf8'),
  );
}
