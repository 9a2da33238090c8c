/** A fenced block of a Markdown page. */
export interface Fence {
  /** The words behind the backticks: language first, then what is said about the block. */
  readonly words: readonly string[];
  /** What stands between the fences, without the indent of the opening one. */
  readonly text: string;
}

const fencePattern = /^( *)```([^\n`]*)\n([\s\S]*?)^\1```$/gm;

/** All fenced blocks of a Markdown page, in order. */
export function readFences(page: string): readonly Fence[] {
  return [...page.matchAll(fencePattern)].map(([, indent = '', info = '', body = '']) => ({
    words: info.trim().split(' '),
    text: body
      .split('\n')
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
      .join('\n'),
  }));
}
