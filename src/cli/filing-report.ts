import { type FilingState, filingScriptName } from '../sieve/index.js';

/** How push mail is filed, as `mailpush filing` tells it and as JSON. */
export interface FilingReport {
  readonly state: FilingState['kind'] | 'unknown';
  /** Where push mail is to go, as the mail server names it. */
  readonly folder: string;
  /** Whether that folder is there; undefined when nobody could say. */
  readonly folderIsThere: boolean | undefined;
  /** Where our script puts it, if there is one. */
  readonly filedInto: string | undefined;
  /** The active script; undefined if there is none, or nobody could say. */
  readonly active: string | undefined;
  /** The script of the user that ours runs. */
  readonly own: string | undefined;
  /** Whether that is missing. */
  readonly ownIsMissing: boolean;
  /** Why nobody could say. */
  readonly because: string | undefined;
  /** Why `--install` would not work; undefined if it would, or nobody could say. */
  readonly obstacle: string | undefined;
  /** The rule in Sieve. */
  readonly rule: string;
}

/** What of a state goes into a report. */
export function factsOf(
  state: FilingState,
): Pick<FilingReport, 'state' | 'filedInto' | 'active' | 'own' | 'ownIsMissing' | 'because'> {
  const script = 'script' in state ? state.script : undefined;
  const own = script?.own;
  return {
    state: state.kind,
    filedInto: script?.folder,
    active: state.kind === 'active' ? filingScriptName : state.active,
    own,
    ownIsMissing: state.kind === 'active' && own !== undefined && !state.hasOwn,
    because: undefined,
  };
}

const install = 'run "mailpush filing --install"';

function stateSentence(report: FilingReport): string {
  const { state, folder, filedInto, active, because, obstacle } = report;
  const next = obstacle === undefined ? `: ${install}.` : `. ${obstacle}`;
  switch (state) {
    case 'active':
    case 'included':
      if (filedInto !== folder) {
        return `Push mail is filed into "${filedInto}", not into "${folder}": ${install}, or set folder = "${filedInto}".`;
      }
      return state === 'active'
        ? `Push mail is filed into "${folder}" by the Sieve script "${filingScriptName}".`
        : `Push mail is filed into "${folder}" if your Sieve script "${active}" comes to the line that includes "${filingScriptName}".`;
    case 'inactive':
      return active === undefined
        ? `Filing is broken: the Sieve script "${filingScriptName}" is there, but not active${next}`
        : `Filing is broken: the Sieve script "${active}" was made active in the place of "${filingScriptName}"${next}`;
    case 'changed':
      return `The Sieve script "${filingScriptName}" was changed by somebody: move its other rules into a script of your own, delete it, and ${install}.`;
    case 'absent':
      return `Push mail is not filed${next}`;
    case 'unknown':
      return `Whether push mail is filed is not known. ${because ?? ''}`.trim();
  }
}

/** What `mailpush filing` says in front of the rule. */
export function filingSentences(report: FilingReport): string[] {
  const { state, own, ownIsMissing, folder, folderIsThere } = report;
  const sentences = [stateSentence(report)];
  if (state === 'active' && own !== undefined) {
    sentences.push(
      ownIsMissing
        ? `Your Sieve script "${own}", which it ran for all other mail, is not there any more: if it has another name now, make it active, and ${install}.`
        : `All other mail goes through your Sieve script "${own}".`,
    );
  }
  if (folderIsThere === false) sentences.push(`The folder "${folder}" is not there yet: ${install}.`);
  return sentences;
}

/** How to do it by hand. */
export function byHand(rule: string): string {
  return `This is the rule. By hand it goes to the top of your Sieve script; what it requires goes into the "require" there.

${rule}`;
}
