import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import MailServerReporter from './test/mail-servers/reporter.js';

/** Where to write the table of mail servers as well. */
const tableFile = process.env.MAILPUSH_TEST_TABLE;
/** Where to write the results as JSON, for programs; see `.ci/run`. */
const resultFile = process.env.MAILPUSH_TEST_RESULT;

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // No test depends on the battery and the network of the machine that it runs on.
    env: { DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent/system_bus_socket' },
    reporters: ['default', new MailServerReporter(tableFile), ...(resultFile === undefined ? [] : ['json' as const])],
    ...(resultFile !== undefined && { outputFile: { json: resultFile } }),
    // Most tests wait for servers most of the time.
    maxWorkers: 2 * availableParallelism(),
    // On a shared CI machine a server may stall for longer than a test waits; a test that passes only at its second try is
    // shown as such, and is a fault to look for.
    retry: process.env.CI === 'true' ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is polled for comes at once, unless the machine is busy.
    expect: { poll: { timeout: 10_000 } },
  },
});
