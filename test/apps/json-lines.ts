import type { Readable } from 'node:stream';

const maxLineChars = 1_048_576;

/** Calls `take` for every line of JSON; resolves when the stream has ended. */
export async function readJsonLines(stream: Readable, take: (value: unknown) => void): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineChars) throw new Error('A line of JSON is too long.');
    for (const line of lines) take(JSON.parse(line));
  }
}
