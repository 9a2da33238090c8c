import { formatPiece, type ImapPiece } from '../tools/imap-lines.js';
import type { Provider } from './provider.js';

/** What is to be written after a piece came. */
export interface Passed {
  readonly toServer?: Buffer;
  readonly toClient?: Buffer;
}

/** One connection of a client through the eyes of a provider. */
export interface ProviderSession {
  fromClient(piece: ImapPiece): Passed;
  fromServer(piece: ImapPiece): Passed;
}

/** By capability, the commands that a server without it does not understand, in upper case and without their tag. */
const commandsOf: readonly (readonly [capability: string, commands: RegExp])[] = [
  ['IDLE', /^IDLE$/],
  ['MOVE', /^(UID )?MOVE /],
  ['UIDPLUS', /^UID EXPUNGE /],
  ['ENABLE', /^ENABLE /],
  ['UNSELECT', /^UNSELECT$/],
  ['NAMESPACE', /^NAMESPACE$/],
  ['NOTIFY', /^NOTIFY /],
  ['COMPRESS=DEFLATE', /^COMPRESS /],
  [
    'CONDSTORE',
    /^(SELECT|EXAMINE) .*\(CONDSTORE\)|^(UID )?(FETCH|STORE) .*(MODSEQ|CHANGEDSINCE|UNCHANGEDSINCE)|^STATUS .*HIGHESTMODSEQ/,
  ],
  ['QRESYNC', /^(SELECT|EXAMINE) .*\(QRESYNC/],
  ['ESEARCH', /^(UID )?SEARCH RETURN /],
  ['SPECIAL-USE', /^LIST .*SPECIAL-USE/],
  ['LIST-STATUS', /^LIST .*RETURN \(.*STATUS/],
];

const hasKeyword = /^UID STORE \S+ [+-]?FLAGS(?:\.SILENT)? \((?:[^)]* )?[^\\ )]/;

/** Sees only what the provider has, and is refused everything else with BAD, as a server does that has never heard of it. */
export function createProviderSession(provider: Provider): ProviderSession {
  const { has, more = [], keywords = true } = provider;
  let beginsCommand = true;
  let beginsResponse = true;

  const shown = (list: string): string => [...list.trim().split(' ').filter(has), ...more].join(' ');

  function isHidden(command: string): boolean {
    const upper = command.toUpperCase();
    if (!keywords && hasKeyword.test(upper)) return true;
    return commandsOf.some(([capability, commands]) => commands.test(upper) && !has(capability));
  }

  function response(text: string): string | undefined {
    if (!has('CONDSTORE') && /^\* OK \[HIGHESTMODSEQ /.test(text)) return undefined;
    let line = text
      .replace(/^(\* CAPABILITY )(.*)$/, (_, before, list) => before + shown(list))
      .replace(/(\[CAPABILITY )([^\]]*)\]/, (_, before, list) => `${before}${shown(list)}]`);
    if (!has('UIDPLUS')) line = line.replace(/\[(APPENDUID|COPYUID) [^\]]*\] /, '');
    if (!keywords) {
      line = line.replace(/(\[PERMANENTFLAGS \()([^)]*)/, (_, before, flags) => {
        return (
          before +
          flags
            .split(' ')
            .filter((flag: string) => /^\\[A-Z]/i.test(flag))
            .join(' ')
        );
      });
    }
    if (!has('SPECIAL-USE')) {
      line = line.replace(/^(\* LIST \()([^)]*)/, (_, before, flags) => {
        return (
          before +
          flags
            .split(' ')
            .filter((flag: string) => !/^\\(All|Archive|Drafts|Flagged|Junk|Sent|Trash)$/.test(flag))
            .join(' ')
        );
      });
    }
    return line;
  }

  return {
    fromClient: (piece) => {
      const begins = beginsCommand;
      beginsCommand = !piece.goesOn;
      const [, tag, command] = /^(\S+) (.*)$/.exec(piece.text) ?? [];
      if (!begins || tag === undefined || command === undefined) return { toServer: formatPiece(piece) };
      if (isHidden(command)) return { toClient: Buffer.from(`${tag} BAD Unknown command\r\n`) };
      const text = `${tag} ${provider.command?.(command) ?? command}`;
      return { toServer: formatPiece({ ...piece, text }) };
    },
    fromServer: (piece) => {
      const begins = beginsResponse;
      beginsResponse = !piece.goesOn;
      const text = begins ? response(piece.text) : piece.text;
      if (text === undefined) return {};
      const { literal } = piece;
      return {
        toClient: formatPiece({
          ...piece,
          text,
          ...(literal && { literal: { ...literal, bytes: provider.literal?.(literal.bytes) ?? literal.bytes } }),
        }),
      };
    },
  };
}
