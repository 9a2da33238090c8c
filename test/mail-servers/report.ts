import type { MailServerKind } from './test-mail-server.js';

/** How a test that runs on a mail server ended. */
export interface MailServerResult {
  /** Name of the mail server. */
  readonly mailServer: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
}

/** One row per mail server: what ran on it, or why it was left out and how to get it; empty if nothing was to run. */
export function reportMailServers(kinds: readonly MailServerKind[], results: readonly MailServerResult[]): string {
  if (results.length === 0) {
    return '';
  }
  const width = Math.max(...kinds.map((kind) => kind.name.length), 'Mail server'.length);
  const rows = kinds.map((kind) => {
    const counts = (['passed', 'failed', 'skipped'] as const).map((state) => {
      const count = results.filter((result) => result.mailServer === kind.name && result.state === state).length;
      return String(count).padStart(state.length);
    });
    const left = `left out: ${kind.reason}; get it with ${kind.howToGet}`;
    return `${kind.name.padEnd(width)}  ${kind.available ? counts.join('  ') : left}`;
  });
  return [`${'Mail server'.padEnd(width)}  passed  failed  skipped`, ...rows].join('\n');
}
