import { defineConfig } from 'vitest/config';

/** The tests that run the sources in their own process, and quickly: a built server would not hold the mutant. */
export default defineConfig({
  test: { include: ['test/unit/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
});
