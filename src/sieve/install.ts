import { SieveError, said } from './errors.js';
import { type FilingScript, filingScriptName, writeFilingScript } from './filing-script.js';
import type { FilingState } from './filing-state.js';
import { readFilingState } from './filing-state.js';
import { noIncludeError, planInstall } from './install-plan.js';
import type { SieveSession } from './session.js';

/** What {@link installFiling} has done. */
export interface Installed {
  /** Whether anything had to be done. */
  readonly isNew: boolean;
  /** The script of the user that ours runs. */
  readonly own: string | undefined;
}

async function activeName(session: Pick<SieveSession, 'list'>): Promise<string | undefined> {
  return (await session.list()).find(({ isActive }) => isActive)?.name;
}

async function put(session: SieveSession, script: FilingScript): Promise<void> {
  const text = writeFilingScript(script);
  await session.haveSpace(filingScriptName, Buffer.byteLength(text));
  await session.put(filingScriptName, text);
}

/**
 * Makes ours the active script and returns which one of the user it runs. A Dovecot whose user has a script that is no ManageSieve script (a
 * file `.dovecot.sieve` of his own) lists it only now, under a name that it makes up: it was run before, so ours has to run it.
 */
async function activate(session: SieveSession, script: FilingScript): Promise<string | undefined> {
  const before = new Set((await session.list()).map(({ name }) => name));
  await session.activate(filingScriptName);
  const appeared = (await session.list()).find(({ name }) => !before.has(name))?.name;
  if (script.own !== undefined || appeared === undefined) return script.own;
  try {
    if (!session.extensions.has('include')) throw noIncludeError(appeared);
    await put(session, { ...script, own: appeared });
    return appeared;
  } catch (error) {
    await session.activate(appeared);
    await session.delete(filingScriptName);
    throw error;
  }
}

/**
 * Sees to it that the server files push mail into `folder`. No script of the user is changed; doing it again changes nothing.
 *
 * Rejects with `ERR_SIEVE_UNSUPPORTED`, `ERR_SIEVE_CHANGED` or `ERR_SIEVE_QUOTA`, and as {@link SieveSession} does. What was active
 * before is active then, unless the connection was lost.
 */
export async function installFiling(session: SieveSession, folder: string): Promise<Installed> {
  const state = await readFilingState(session);
  const plan = planInstall(state, folder, session.extensions);
  if (plan.kind === 'nothing') return { isNew: false, own: 'script' in state ? state.script.own : undefined };
  await put(session, plan.script);
  if (!plan.activate) return { isNew: true, own: plan.script.own };
  if ((await activeName(session)) !== plan.script.own) {
    throw new SieveError(
      'ERR_SIEVE_CHANGED',
      'Another program has just made another Sieve script active: run this again.',
      'transient',
    );
  }
  return { isNew: true, own: await activate(session, plan.script) };
}

/**
 * Why {@link installFiling} would not succeed, as a sentence; undefined if it would. Changes nothing.
 *
 * @param state as `readFilingState` has read it from this session.
 */
export async function installObstacle(
  session: Pick<SieveSession, 'check' | 'extensions'>,
  state: FilingState,
  folder: string,
): Promise<string | undefined> {
  try {
    const plan = planInstall(state, folder, session.extensions);
    const refusal = plan.kind === 'put' ? await session.check(writeFilingScript(plan.script)) : undefined;
    return refusal === undefined ? undefined : `The mail server does not take the rule${said(refusal)}.`;
  } catch (error) {
    if (error instanceof SieveError && error.disposition === 'action-required') return error.message;
    throw error;
  }
}
