import { expect, it } from 'vitest';
import { reportMailServers } from './report.js';
import type { MailServerKind } from './test-mail-server.js';

const start = () => Promise.reject(new Error('not started here'));
const kinds: MailServerKind[] = [
  { name: 'One', available: true, start },
  { name: 'A longer name', available: false, reason: 'it is not installed', howToGet: 'scripts/test-servers', start },
];

it('counts the tests of each mail server and says how to get those that were left out', () => {
  const results = (['passed', 'passed', 'failed', 'skipped'] as const).map((state) => ({ mailServer: 'One', state }));
  expect(reportMailServers(kinds, results)).toBe(
    [
      'Mail server    passed  failed  skipped',
      'One                 2       1        1',
      'A longer name  left out: it is not installed; get it with scripts/test-servers',
    ].join('\n'),
  );
});

it('says nothing when no test was to run on a mail server', () => {
  expect(reportMailServers(kinds, [])).toBe('');
});
