/** A piece of an IMAP stream: the text of a line, as one character per byte, and the literal behind it, if it has one. */
export interface ImapPiece {
  /** Without its CRLF and without the `{n}` of the literal. */
  readonly text: string;
  readonly literal?: {
    readonly bytes: Buffer /** Whether the client did not wait (RFC 7888). */;
    readonly plus: boolean;
  };
  /** Whether the response or command goes on behind this. */
  readonly goesOn: boolean;
}

/** Cuts an IMAP stream into pieces. A literal has to be non-synchronizing, or from a server: nobody is asked to go on. */
export function createImapLines(onPiece: (piece: ImapPiece) => void): (chunk: Buffer) => void {
  let unread = Buffer.alloc(0);
  let announced: { text: string; size: number; plus: boolean } | undefined;

  function next(): boolean {
    if (announced !== undefined) {
      if (unread.length < announced.size) return false;
      const { text, size, plus } = announced;
      announced = undefined;
      const bytes = unread.subarray(0, size);
      unread = unread.subarray(size);
      onPiece({ text, literal: { bytes, plus }, goesOn: true });
      return true;
    }
    const end = unread.indexOf('\r\n');
    if (end < 0) return false;
    const line = unread.subarray(0, end).toString('latin1');
    unread = unread.subarray(end + 2);
    const [, size, plus] = /\{(\d+)(\+?)\}$/.exec(line) ?? [];
    if (size === undefined) onPiece({ text: line, goesOn: false });
    else announced = { text: line.replace(/\{\d+\+?\}$/, ''), size: Number(size), plus: plus === '+' };
    return true;
  }

  return (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    while (next());
  };
}

/** A piece as it is written. */
export function formatPiece({ text, literal }: ImapPiece): Buffer {
  const line = literal === undefined ? text : `${text}{${literal.bytes.length}${literal.plus ? '+' : ''}}`;
  return Buffer.concat([Buffer.from(`${line}\r\n`, 'latin1'), ...(literal === undefined ? [] : [literal.bytes])]);
}
