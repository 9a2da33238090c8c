import { protocolError } from './errors.js';

/** A piece of a line of ManageSieve (RFC 5804 §4): an atom or number, a quoted string or literal, or a parenthesis. */
export type Token =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'string'; readonly bytes: Buffer }
  | { readonly kind: 'open' }
  | { readonly kind: 'close' };

/** A line with the literals that belong to it. */
export type Line = readonly Token[];

/** A line without its literals. The longest that is known has the capabilities of Dovecot in it, 1 KB. */
const maxLineBytes = 16_384;
/** A line has up to eight strings; nesting makes no more. */
const maxTokens = 64;
/** One string; the largest is a script, for which servers allow about 1 MB. */
export const maxLiteralBytes = 1_048_576;

const LF = 0x0a;
const CR = 0x0d;

const shapes = {
  space: / +/y,
  quoted: /"((?:[^"\\\0\r\n]|\\["\\])*)"/y,
  literal: /\{(\d{1,10})\+?\}$/y,
  word: /[!#-'*-[\]-z|~]+/y,
} as const;

/** Cuts a line, without its CRLF, into tokens. The size of a literal comes back if one follows. */
function tokensOf(text: string, tokens: Token[]): number | undefined {
  let at = 0;
  const take = (shape: RegExp): RegExpExecArray | null => {
    shape.lastIndex = at;
    const match = shape.exec(text);
    if (match !== null) at = shape.lastIndex;
    return match;
  };
  while (at < text.length) {
    if (take(shapes.space) !== null) continue;
    if (tokens.length === maxTokens) throw protocolError('sends a line with too much in it');
    const quoted = take(shapes.quoted);
    const literal = quoted === null ? take(shapes.literal) : null;
    const word = quoted === null && literal === null ? take(shapes.word) : null;
    if (quoted !== null) {
      tokens.push({ kind: 'string', bytes: Buffer.from((quoted[1] ?? '').replace(/\\(.)/g, '$1'), 'latin1') });
    } else if (literal !== null) {
      return Number(literal[1]);
    } else if (word !== null) {
      tokens.push({ kind: 'word', text: word[0] });
    } else if (text[at] === '(' || text[at] === ')') {
      tokens.push({ kind: text[at] === '(' ? 'open' : 'close' });
      at += 1;
    } else {
      throw protocolError('sends what is no line of ManageSieve');
    }
  }
  return undefined;
}

/** Reads what a ManageSieve server sends, in pieces of any size. */
export interface WireReader {
  /**
   * Takes the next bytes.
   *
   * @returns the lines that are complete with them.
   * @throws SieveError `ERR_SIEVE_PROTOCOL` for what is no ManageSieve or too long; the reader is of no use any more then.
   */
  push(bytes: Buffer): Line[];
  /** Whether bytes have come of a line that is not complete. */
  readonly isWithinLine: boolean;
}

/** Makes a reader. Of a line that is not complete it keeps at most {@link maxLiteralBytes} and a little for each of its literals. */
export function createWireReader(): WireReader {
  let tokens: Token[] = [];
  let lineBytes = 0;
  let literalBytes = 0;
  let pieces: Buffer[] = [];
  /** How much of a literal is still to come. */
  let missing: number | undefined;

  const joined = (): Buffer => {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    return bytes;
  };

  /** Takes bytes of a literal; tells how many. */
  function takeLiteral(bytes: Buffer, size: number): number {
    const part = bytes.subarray(0, size);
    pieces.push(part);
    missing = size - part.length;
    if (missing > 0) return part.length;
    missing = undefined;
    if (tokens.length === maxTokens) throw protocolError('sends a line with too much in it');
    tokens.push({ kind: 'string', bytes: joined() });
    return part.length;
  }

  /** Takes bytes up to the end of a line; tells how many. */
  function takeLine(bytes: Buffer, lines: Line[]): number {
    const end = bytes.indexOf(LF);
    const part = end < 0 ? bytes : bytes.subarray(0, end + 1);
    lineBytes += part.length;
    if (lineBytes > maxLineBytes) throw protocolError('sends a line without end');
    pieces.push(part);
    if (end < 0) return part.length;
    const line = joined();
    if (line.at(-2) !== CR) throw protocolError('ends a line without CR LF');
    missing = tokensOf(line.subarray(0, -2).toString('latin1'), tokens);
    if (missing === undefined) {
      lines.push(tokens);
      tokens = [];
      lineBytes = 0;
      literalBytes = 0;
    } else {
      literalBytes += missing;
      if (literalBytes > maxLiteralBytes) throw protocolError('announces a text that is too long');
      if (missing === 0) takeLiteral(Buffer.alloc(0), 0);
    }
    return part.length;
  }

  return {
    push(bytes) {
      const lines: Line[] = [];
      let rest = bytes;
      while (rest.length > 0) {
        rest = rest.subarray(missing === undefined ? takeLine(rest, lines) : takeLiteral(rest, missing));
      }
      return lines;
    },
    get isWithinLine() {
      return lineBytes > 0;
    },
  };
}
