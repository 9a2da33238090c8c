import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { mailServers } from './kinds.js';
import { reportMailServers } from './report.js';

/** Prints at the end of a run which mail servers the tests ran on, and how to get those that were left out. */
export default class MailServerReporter implements Reporter {
  readonly #file: string | undefined;

  /** @param file where to write the report too */
  constructor(file?: string) {
    this.#file = file;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const results = tests.flatMap((test) => {
      const { mailServer, mailServerSuite: suite = 'others' } = test.meta();
      return mailServer === undefined ? [] : [{ mailServer, suite, state: test.result().state }];
    });
    const report = reportMailServers(mailServers(), results);
    if (report !== '') {
      process.stdout.write(`\n${report}\n\n`);
      if (this.#file !== undefined) writeFileSync(this.#file, `${report}\n`);
    }
  }
}
