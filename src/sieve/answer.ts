import { protocolError } from './errors.js';
import type { Line, Token } from './wire-reader.js';

/** The line that ends what a server has to say to a command (RFC 5804 §1.2, §1.3). */
export interface Answer {
  readonly status: 'OK' | 'NO' | 'BYE';
  /** The response code in upper case, such as `QUOTA/MAXSIZE`; undefined if there is none. */
  readonly code: string | undefined;
  /** The first string in the response code; what SASL and REFERRAL carry. */
  readonly codeString: string | undefined;
  /** What the server says to a person. */
  readonly text: string;
}

const isStatus = (word: string): word is Answer['status'] => ['OK', 'NO', 'BYE'].includes(word);

/** Text for a person: whatever is no UTF-8 in it is shown as such. */
const textOf = (token: Token | undefined): string => (token?.kind === 'string' ? token.bytes.toString('utf8') : '');

/** Where the response code that begins at `open` ends. */
function endOfCode(line: Line, open: number): number {
  let depth = 0;
  for (let at = open; at < line.length; at += 1) {
    if (line[at]?.kind === 'open') depth += 1;
    if (line[at]?.kind === 'close') depth -= 1;
    if (depth === 0) return at;
  }
  throw protocolError('sends a response code without end');
}

/**
 * Reads a line that may end an answer.
 *
 * @returns undefined when it is a line of data, which begins with a string.
 * @throws SieveError `ERR_SIEVE_PROTOCOL` when it is neither.
 */
export function readAnswer(line: Line): Answer | undefined {
  const [first, second] = line;
  if (first?.kind === 'string') return undefined;
  const status = first?.kind === 'word' ? first.text.toUpperCase() : '';
  if (!isStatus(status)) throw protocolError('sends what is no answer');
  const hasCode = second?.kind === 'open';
  const end = hasCode ? endOfCode(line, 1) : 0;
  const code = line[2];
  if (hasCode && code?.kind !== 'word') throw protocolError('sends a response code without a name');
  const rest = line.slice(end + 1);
  if (rest.length > 1 || (rest.length === 1 && rest[0]?.kind !== 'string')) {
    throw protocolError('sends an answer that goes on behind its end');
  }
  const inner = hasCode ? line.slice(3, end).find(({ kind }) => kind === 'string') : undefined;
  return {
    status,
    code: hasCode && code?.kind === 'word' ? code.text.toUpperCase() : undefined,
    codeString: inner === undefined ? undefined : textOf(inner),
    text: textOf(rest[0]),
  };
}

/**
 * The text of a string that has to be UTF-8 (RFC 5804 §1.6 for names of scripts).
 *
 * @throws SieveError `ERR_SIEVE_PROTOCOL` when it is missing or no UTF-8.
 */
export function utf8(token: Token | undefined): string {
  if (token?.kind !== 'string') throw protocolError('leaves out a text that has to be there');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(token.bytes);
  } catch {
    throw protocolError('sends a name that is not UTF-8');
  }
}
