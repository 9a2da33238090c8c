import type { Reporter, TestModule } from 'vitest/node';
import { mailServers } from './kinds.js';
import { reportMailServers } from './report.js';

/** Prints at the end of a run which mail servers the tests ran on, and how to get those that were left out. */
export default class MailServerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const results = tests.flatMap((test) => {
      const { mailServer } = test.meta();
      return mailServer === undefined ? [] : [{ mailServer, state: test.result().state }];
    });
    const report = reportMailServers(mailServers(), results);
    if (report !== '') {
      process.stdout.write(`\n${report}\n\n`);
    }
  }
}
