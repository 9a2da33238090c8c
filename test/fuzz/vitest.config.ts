import { defineConfig } from 'vitest/config';

/** The same properties as in the tests with many more cases, each run with other ones; run by `npm run fuzz`. */
export default defineConfig({
  test: {
    include: ['test/fuzz/*.test.ts'],
    reporters: ['verbose'],
    env: { MAILPUSH_FUZZ_CASES: process.env.MAILPUSH_FUZZ_CASES ?? '200000' },
  },
});
