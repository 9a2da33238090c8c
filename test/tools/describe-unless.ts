import { describe, it } from 'vitest';
import { allServersWanted } from './all-servers-wanted.js';

/**
 * `describe` for tests that need what may be missing here. Then they are left out and the reason is printed;
 * `MAILPUSH_TEST_SERVERS=all` makes that a failure.
 *
 * @param missing what is missing and how to get it; undefined: nothing is.
 */
export function describeUnless(missing: string | undefined, name: string, tests: () => void): void {
  if (missing === undefined) {
    describe(name, tests);
  } else if (allServersWanted()) {
    it(name, () => {
      throw new Error(missing);
    });
  } else {
    console.warn(`Left out: ${name}. ${missing}`);
    describe.skip(name, tests);
  }
}
