import { defineConfig } from 'vitest/config';

const shared = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  pool: 'forks' as const,
  // What is waited for comes when the machine has time; by itself Vitest gives up after a second.
  expect: { poll: { timeout: 20_000 } },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/setup/**'],
          maxWorkers: 2,
        },
      },
      {
        // Each of these starts servers or makes environments: one at a time is as much as two cores hold.
        test: {
          ...shared,
          name: 'slow',
          include: ['test/e2e/**/*.test.ts', 'test/setup/**/*.test.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
