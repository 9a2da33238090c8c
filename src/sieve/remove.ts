import { SieveError } from './errors.js';
import { filingScriptName } from './filing-script.js';
import { readFilingState } from './filing-state.js';
import type { SieveSession } from './session.js';

/** What {@link removeFiling} has done. */
export interface FilingRemoved {
  /** Whether there was anything to remove. */
  readonly wasThere: boolean;
  /** The script that is active now. */
  readonly active: string | undefined;
}

/**
 * Takes our script away and makes that one active again which was before it. A script that somebody has made active meanwhile stays
 * so.
 *
 * Rejects with `ERR_SIEVE_CHANGED` when our script is not as we have written it, or the user's runs it; and as {@link SieveSession}
 * does.
 */
export async function removeFiling(session: SieveSession): Promise<FilingRemoved> {
  const state = await readFilingState(session);
  switch (state.kind) {
    case 'absent':
      return { wasThere: false, active: state.active };
    case 'changed':
      throw new SieveError(
        'ERR_SIEVE_CHANGED',
        `Somebody has changed the Sieve script "${filingScriptName}", so it is left as it is: make another script active and delete this one by hand.`,
      );
    case 'included':
      throw new SieveError(
        'ERR_SIEVE_CHANGED',
        `Your Sieve script "${state.active}" includes "${filingScriptName}": take that line out of it, and run this again.`,
      );
    case 'inactive':
      await session.delete(filingScriptName);
      return { wasThere: true, active: state.active };
    case 'active': {
      const active = state.hasOwn ? state.script.own : undefined;
      // The active script cannot be deleted (RFC 5804 §2.10).
      await session.activate(active);
      await session.delete(filingScriptName);
      return { wasThere: true, active };
    }
  }
}
