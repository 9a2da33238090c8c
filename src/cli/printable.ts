/** Only what a terminal shows as text, in one line: a server's words, a file's name or an argument may hold anything. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
