import type { MailServerKind } from './test-mail-server.js';

/** How a test that runs on a mail server ended. */
export interface MailServerResult {
  /** Name of the mail server. */
  readonly mailServer: string;
  /** Title of the suite it belongs to, the same on every mail server. */
  readonly suite: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
}

const states = ['passed', 'failed', 'skipped'] as const;

/**
 * One row per mail server: how many tests passed on it, failed and were skipped, and how many of each suite passed; or
 * why it was left out and how to get it. The suites are numbered and named underneath. Empty if nothing was to run.
 */
export function reportMailServers(kinds: readonly MailServerKind[], results: readonly MailServerResult[]): string {
  if (results.length === 0) {
    return '';
  }
  const suites = [...new Set(results.map(({ suite }) => suite))].sort();
  const width = Math.max(...kinds.map((kind) => kind.name.length), 'Mail server'.length);
  const rows = kinds.map((kind) => {
    const own = results.filter((result) => result.mailServer === kind.name);
    if (!kind.available) {
      return `${kind.name.padEnd(width)}  left out: ${kind.reason}; get it with ${kind.howToGet}`;
    }
    const counts = states.map((state) =>
      String(own.filter((result) => result.state === state).length).padStart(state.length),
    );
    const passed = suites.map((suite) => {
      const count = own.filter((result) => result.suite === suite && result.state === 'passed').length;
      return (count === 0 ? '-' : String(count)).padStart(4);
    });
    return `${kind.name.padEnd(width)}  ${counts.join('  ')}  ${passed.join('')}`;
  });
  const numbers = suites.map((_, index) => `[${index + 1}]`.padStart(4)).join('');
  const legend = suites.map((suite, index) => `[${index + 1}] ${suite}`).join(', ');
  return [`${'Mail server'.padEnd(width)}  ${states.join('  ')}  ${numbers}`, ...rows, '', `Passed of ${legend}`].join(
    '\n',
  );
}
