/** One header field: its name in lower case, its value unfolded and without the white space around it. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** A header block, and where what follows it begins. */
export interface HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** How many lines are neither a field nor the continuation of one. */
  readonly strayLines: number;
  /** Offset of the first byte behind the first empty line, or undefined when there is no empty line. */
  readonly bodyStart: number | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const fieldLine = /^([!-9;-~]+)[ \t]*:([\s\S]*)$/;

/**
 * Splits bytes at their first empty line and reads what stands before it as header fields (RFC 5322 §2.2). A line ends
 * with LF, a CR in front of it is dropped. Bytes over 127 become the characters U+0080 to U+00FF. Throws nothing.
 */
export function splitHeader(bytes: Uint8Array): HeaderBlock {
  const { lines, bodyStart } = splitLines(bytes);
  const unfolded: string[] = [];
  let strayLines = 0;
  for (const line of lines) {
    if (!isContinuation(line)) unfolded.push(line);
    else if (unfolded.length > 0) unfolded.push(`${unfolded.pop()}${line}`);
    else strayLines++;
  }
  const fields: HeaderField[] = [];
  for (const line of unfolded) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || value === undefined) strayLines++;
    else fields.push({ name: name.toLowerCase(), value: trimBlanks(value) });
  }
  return { fields, strayLines, bodyStart };
}

/** `text` without the spaces and tabs around it; what else is white space to Unicode stays. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function splitLines(bytes: Uint8Array): { lines: readonly string[]; bodyStart: number | undefined } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  let start = 0;
  while (start < buffer.length) {
    const feed = buffer.indexOf(LF, start);
    const next = feed === -1 ? buffer.length : feed + 1;
    const stop = feed === -1 ? buffer.length : feed;
    const end = stop > start && buffer[stop - 1] === CR ? stop - 1 : stop;
    if (end === start) return { lines, bodyStart: next };
    lines.push(buffer.toString('latin1', start, end));
    start = next;
  }
  return { lines, bodyStart: undefined };
}

function isContinuation(line: string): boolean {
  return isBlank(line[0]);
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}
