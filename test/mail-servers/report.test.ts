import { expect, it } from 'vitest';
import { reportMailServers } from './report.js';
import type { MailServerKind } from './test-mail-server.js';

const start = () => Promise.reject(new Error('not started here'));
const kinds: MailServerKind[] = [
  { name: 'One', available: true, start },
  { name: 'A longer name', available: false, reason: 'it is not installed', howToGet: 'scripts/test-servers', start },
];

it('counts the tests of each mail server and suite, and says how to get those that were left out', () => {
  const results = [
    { mailServer: 'One', suite: 'mail', state: 'passed' },
    { mailServer: 'One', suite: 'mail', state: 'passed' },
    { mailServer: 'One', suite: 'bytes', state: 'failed' },
    { mailServer: 'One', suite: 'mail', state: 'skipped' },
  ] as const;
  expect(reportMailServers(kinds, results)).toBe(
    [
      'Mail server    passed  failed  skipped   [1] [2]',
      'One                 2       1        1     -   2',
      'A longer name  left out: it is not installed; get it with scripts/test-servers',
      '',
      'Passed of [1] bytes, [2] mail',
    ].join('\n'),
  );
});

it('says nothing when no test was to run on a mail server', () => {
  expect(reportMailServers(kinds, [])).toBe('');
});
