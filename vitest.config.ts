import { defineConfig } from 'vitest/config';

const shared = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  pool: 'forks' as const,
  // What is waited for comes when the machine has time; by itself Vitest gives up after a second.
  expect: { poll: { timeout: 20_000 } },
};

/** Apart from its tests a file costs mostly its imports; files that share a process import once. */
const sharedProcesses = { isolate: false, maxWorkers: 2 };

/** These replace modules, which other files of their process would import too. */
const replacingModules = ['test/unit/log/rotatingFile.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          ...sharedProcesses,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/setup/**', ...replacingModules],
        },
      },
      { test: { ...shared, name: 'isolated', include: replacingModules, maxWorkers: 2 } },
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
