import { SieveError } from './errors.js';
import { type FilingScript, filingScriptName } from './filing-script.js';
import type { FilingState } from './filing-state.js';

/** What has to be done so that push mail is filed. */
export type InstallPlan =
  | { readonly kind: 'nothing' }
  /** Put our script there and, if it is not, make it the active one. */
  | { readonly kind: 'put'; readonly script: FilingScript; readonly activate: boolean };

/** The error of a server that runs one script only, which is the user's `active` one. */
export function noIncludeError(active: string): SieveError {
  return new SieveError(
    'ERR_SIEVE_UNSUPPORTED',
    `The mail server cannot run two Sieve scripts (no "include"), and "${active}" is yours: put the rule at its top by hand.`,
  );
}

const changed = `There is a Sieve script "${filingScriptName}" that somebody has changed since: move its other rules into a script of your own, delete it, and run this again.`;

/**
 * Decides how push mail comes to be filed into `folder`, without a change to any script of the user.
 *
 * @param extensions of the server.
 * @throws SieveError `ERR_SIEVE_UNSUPPORTED` or `ERR_SIEVE_CHANGED` when it cannot be done safely.
 */
export function planInstall(state: FilingState, folder: string, extensions: ReadonlySet<string>): InstallPlan {
  if (!extensions.has('fileinto')) {
    throw new SieveError(
      'ERR_SIEVE_UNSUPPORTED',
      'The mail server cannot file mail (Sieve without "fileinto"): use a sub-address, or INBOX.',
    );
  }
  const wanted = { folder, creates: extensions.has('mailbox') };
  /** Ours in the place of the active one, which is run from it. */
  const around = (active: string | undefined): InstallPlan => {
    if (active !== undefined && !extensions.has('include')) {
      throw noIncludeError(active);
    }
    return { kind: 'put', script: { ...wanted, own: active }, activate: true };
  };
  switch (state.kind) {
    case 'active': {
      const { folder: present, own } = state.script;
      if (present === folder) return { kind: 'nothing' };
      return { kind: 'put', script: { ...wanted, own }, activate: false };
    }
    case 'included': {
      if (state.script.folder === folder && state.script.own === undefined) return { kind: 'nothing' };
      // What is run from a script of the user must not run that script.
      return { kind: 'put', script: { ...wanted, own: undefined }, activate: false };
    }
    case 'inactive':
      return around(state.active);
    case 'changed':
      throw new SieveError('ERR_SIEVE_CHANGED', changed);
    case 'absent':
      if (!state.isIncluded) return around(state.active);
      return { kind: 'put', script: { ...wanted, own: undefined }, activate: false };
  }
}
