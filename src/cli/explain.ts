import { MailpushError } from '../errors.js';
import { printable } from './printable.js';

const maxCauses = 10;

function wordsOf(error: unknown): string {
  const words = (error as { smtpResponse?: unknown } | null)?.smtpResponse;
  return typeof words === 'string' && words !== '' ? ` The server said: ${words}` : '';
}

/** The causes underneath, one a line; those that came together in an AggregateError (several addresses of a host) too. */
function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>([error]);
  const add = (cause: unknown): void => {
    if (!(cause instanceof Error) || seen.has(cause) || seen.size > maxCauses) return;
    seen.add(cause);
    const code = (cause as { code?: unknown }).code;
    const facts = typeof code === 'string' && !cause.message.includes(code) ? ` (${code})` : '';
    lines.push(`  because: ${printable(`${cause.name}: ${cause.message}${facts}`)}`);
    if (cause instanceof AggregateError) cause.errors.forEach(add);
    add(cause.cause);
  };
  if (error instanceof Error) add(error.cause);
  return lines;
}

/**
 * One line that says what is wrong and what to do; with `verbose` the error's code and a line for each cause underneath. An
 * error that is not ours has no remedy in it, so with `verbose` it comes with its stack.
 */
export function explain(error: unknown, verbose: boolean): string {
  if (error instanceof MailpushError) {
    const line = `mailpush: ${printable(error.message + wordsOf(error))}`;
    return verbose ? [`${line} [${error.code}]`, ...causesOf(error)].join('\n') : line;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (!verbose) return `mailpush: ${printable(message)} (--verbose tells more)`;
  const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(1) : [];
  return [`mailpush: ${printable(message)}`, ...stack.map((line) => `  ${printable(line)}`), ...causesOf(error)].join(
    '\n',
  );
}
