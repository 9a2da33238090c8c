import { type Config, ConfigError, defaultConfigFile, loadConfig, type Secret } from '../config/index.js';
import { findFolder } from '../imap/index.js';
import { createRuntime } from '../runtime.js';
import {
  installFiling,
  installObstacle,
  openSession,
  readFilingState,
  removeFiling,
  rule,
  SieveError,
  type SieveSession,
} from '../sieve/index.js';
import { byHand, type FilingReport, factsOf, filingSentences } from './filing-report.js';
import { jsonText } from './json-text.js';
import { printable } from './printable.js';
import { UsageError } from './usage-error.js';

/** Options of `mailpush filing`. */
export interface FilingOptions {
  readonly config?: string;
  readonly install: boolean;
  readonly remove: boolean;
  readonly json: boolean;
}

/** What all of this needs. */
interface Work {
  readonly config: Config;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

/** The secret is asked for once, though two servers want it: a keyring may have a person type something. */
function askedOnce(config: Config): Config {
  let asked: Promise<Secret> | undefined;
  const credentials: Config['credentials'] = (signal) => {
    asked ??= config.credentials(signal);
    return asked;
  };
  return { ...config, credentials };
}

async function withSession<T>({ config, signal }: Work, use: (session: SieveSession) => Promise<T>): Promise<T> {
  const { sieve, credentials, ca } = config;
  const session = await openSession(
    { ...sieve, credentials, ...(ca === undefined ? {} : { ca }) },
    createRuntime(),
    signal,
  );
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

function folderOf({ config, signal }: Work, make: boolean): ReturnType<typeof findFolder> {
  const { imap, credentials, folder, ca } = config;
  const account = { ...imap, credentials, folder, ...(ca === undefined ? {} : { ca }) };
  return findFolder(account, make, createRuntime(), signal);
}

/** Looks, changes nothing; what cannot be found out is left open. */
async function report(work: Work): Promise<FilingReport> {
  const { config, signal } = work;
  const found = await folderOf(work, false).catch(() => undefined);
  signal.throwIfAborted();
  const folder = found?.path ?? config.folder;
  const folderIsThere = found === undefined ? undefined : found.is === 'there';
  const ruleWith = (creates: boolean): string => rule({ folder, creates });
  try {
    return await withSession(work, async (session) => {
      const state = await readFilingState(session);
      return {
        ...factsOf(state),
        folder,
        folderIsThere,
        obstacle: await installObstacle(session, state, folder),
        rule: ruleWith(session.extensions.has('mailbox')),
      };
    });
  } catch (error) {
    if (!(error instanceof SieveError)) throw error;
    const unknown = {
      active: undefined,
      filedInto: undefined,
      own: undefined,
      ownIsMissing: false,
      obstacle: undefined,
    };
    return { state: 'unknown', ...unknown, folder, folderIsThere, because: error.message, rule: ruleWith(false) };
  }
}

async function install(work: Work): Promise<string[]> {
  try {
    return await withSession(work, async (session) => {
      const folder = await folderOf(work, true);
      const { isNew, own } = await installFiling(session, folder.path);
      return [
        ...(folder.is === 'made' ? [`The folder "${folder.path}" was made.`] : []),
        isNew
          ? `Push mail is filed into "${folder.path}" from now on.`
          : `Push mail is filed into "${folder.path}" already: nothing was changed.`,
        ...(own === undefined ? [] : [`All other mail goes through your Sieve script "${own}", as before.`]),
      ];
    });
  } catch (error) {
    if (error instanceof SieveError && error.code !== 'ERR_SIEVE_LOGIN') {
      work.print(byHand(rule({ folder: work.config.folder, creates: false })));
    }
    throw error;
  }
}

async function remove(work: Work): Promise<string[]> {
  const { wasThere, active } = await withSession(work, removeFiling);
  if (!wasThere) return ['There is no Sieve script of mailpush: nothing was changed.'];
  const isActive = active === undefined ? 'No Sieve script is active now.' : `Your Sieve script "${active}" is active.`;
  return ['Push mail is filed no more: set folder = "INBOX".', isActive];
}

/**
 * Shows how push mail is filed on the mail server, begins it, or ends it.
 *
 * Rejects with `ERR_USAGE`, a `ConfigError` (as one for INBOX, where there is nothing to file), an `ImapError` or a `SieveError`. When
 * the rule cannot be installed, it is printed all the same, to be put there by hand.
 */
export async function filing(
  options: FilingOptions,
  signal: AbortSignal,
  print: (text: string) => void = console.log,
): Promise<void> {
  if (options.install && options.remove) throw new UsageError('--install and --remove exclude each other: use one.');
  const file = options.config ?? defaultConfigFile();
  const config = askedOnce(await loadConfig(file));
  if (config.folder.toUpperCase() === 'INBOX' && !options.remove) {
    throw new ConfigError(
      'ERR_CONFIG_KEY',
      `${file}: account.folder is INBOX, where mail comes without a rule: set folder = "Push" first.`,
    );
  }
  const work: Work = { config, signal, print };
  const done = options.install ? await install(work) : options.remove ? await remove(work) : [];
  if (options.json) {
    print(jsonText(await report(work)));
  } else if (options.install || options.remove) {
    print(done.map(printable).join('\n'));
  } else {
    const shown = await report(work);
    print([...filingSentences(shown).map(printable), '', byHand(shown.rule)].join('\n'));
  }
}
