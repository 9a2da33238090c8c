import { defineConfig } from 'vitest/config';

/** For measurements, which take their time and fail nothing; run by `npm run bench:servers`. */
export default defineConfig({
  test: { include: ['test/bench/*.ts'], exclude: ['**/vitest.config.ts'], reporters: ['default'], hookTimeout: 60_000 },
});
