/** A user's Sieve scripts on the mail server, over ManageSieve, and the rule that files push mail. */

export { defaultTimes, type SieveAccount, type SieveCredentials, type SieveTimes } from './account.js';
export { SieveError, type SieveErrorCode } from './errors.js';
export { type FilingScript, filingScriptName, writeFilingScript } from './filing-script.js';
export { type FilingState, readFilingState } from './filing-state.js';
export { type Installed, installFiling, installObstacle } from './install.js';
export { type FilingRemoved, removeFiling } from './remove.js';
export { rule } from './rule.js';
export { type ListedScript, openSession, type SieveSession } from './session.js';
