import { type FilingScript, filingScriptName, includesOurs, readFilingScript } from './filing-script.js';
import type { SieveSession } from './session.js';

/** How push mail is filed on a server. */
export type FilingState =
  /** Our script is active. */
  | {
      readonly kind: 'active';
      readonly script: FilingScript /** Whether the user's own script is there. */;
      readonly hasOwn: boolean;
    }
  /** Our script is there, and the user's active script runs it. */
  | { readonly kind: 'included'; readonly script: FilingScript; readonly active: string }
  /** Our script is there and is not run: another one was made active, or none. */
  | { readonly kind: 'inactive'; readonly script: FilingScript; readonly active: string | undefined }
  /** A script has our name and is not as we write it. */
  | { readonly kind: 'changed'; readonly isActive: boolean; readonly active: string | undefined }
  /** There is no script of ours. */
  | {
      readonly kind: 'absent';
      readonly active: string | undefined /** The active one runs ours, which is missing. */;
      readonly isIncluded: boolean;
    };

/** Looks how push mail is filed. Changes nothing; rejects as {@link SieveSession} does. */
export async function readFilingState(session: Pick<SieveSession, 'list' | 'get'>): Promise<FilingState> {
  const scripts = await session.list();
  const active = scripts.find(({ isActive }) => isActive)?.name;
  const isThere = scripts.some(({ name }) => name === filingScriptName);
  const isActive = active === filingScriptName;
  const isIncluded = active !== undefined && !isActive && includesOurs(await session.get(active));
  if (!isThere) return { kind: 'absent', active, isIncluded };
  const script = readFilingScript(await session.get(filingScriptName));
  if (script === undefined) return { kind: 'changed', isActive, active };
  if (isActive) {
    const hasOwn = script.own !== undefined && scripts.some(({ name }) => name === script.own);
    return { kind: 'active', script, hasOwn };
  }
  return isIncluded ? { kind: 'included', script, active } : { kind: 'inactive', script, active };
}
