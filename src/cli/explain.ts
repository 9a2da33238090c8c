import { MailpushError } from '../errors.js';

/** Only a terminal's own text: a server's words may hold anything. */
const printable = (text: string): string => text.replace(/[^\P{C}]+/gu, ' ').trim();

function wordsOf(error: unknown): string {
  const words = (error as { smtpResponse?: unknown } | null)?.smtpResponse;
  return typeof words === 'string' && words !== '' ? ` The server said: ${words}` : '';
}

/** One line that says what is wrong and what to do; with `verbose` a line for each cause underneath. */
export function explain(error: unknown, verbose: boolean): string {
  if (!(error instanceof MailpushError)) {
    const message = error instanceof Error ? (verbose ? (error.stack ?? error.message) : error.message) : String(error);
    return `mailpush: ${message}${verbose ? '' : ' (--verbose tells more)'}`;
  }
  const lines = [`mailpush: ${printable(error.message + wordsOf(error))}`];
  if (!verbose) return lines.join('');
  lines[0] += ` [${error.code}]`;
  const seen = new Set<unknown>();
  for (let cause = error.cause; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    lines.push(`  because: ${printable(`${cause.name}: ${cause.message}`)}`);
  }
  return lines.join('\n');
}
