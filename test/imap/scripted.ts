import {
  type ScriptedCommand,
  type ScriptedImap,
  type ScriptedImapOptions,
  startScriptedImap,
} from '../tools/scripted-imap.js';
import { notify } from './mails.js';
import { type Watch, type WatchOptions, watch } from './watch.js';

/** Starts a scripted server and watches it. */
export async function startScripted(
  script: ScriptedImapOptions,
  options: WatchOptions = {},
): Promise<{ server: ScriptedImap; watched: Watch }> {
  const server = await startScriptedImap(script);
  return { server, watched: watch(server, options) };
}

/** Answers the first command of this name with what `answer` does. */
export function once(
  name: string,
  answer: (command: ScriptedCommand) => void,
): (command: ScriptedCommand) => boolean | undefined {
  let seen = false;
  return (command) => {
    if (command.name !== name || seen) return undefined;
    seen = true;
    answer(command);
    return true;
  };
}

/** The folder was looked through up to here. */
export const known = { uidValidity: '1000', lastUid: 4 };

/** The next message after {@link known}. */
export const push = { uid: 5, header: notify() };
