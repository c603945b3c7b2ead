import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const shared = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  pool: 'forks' as const,
  // What is waited for comes when the machine has time; by itself Vitest gives up after a second.
  expect: { poll: { timeout: 20_000 } },
};

/** Apart from its tests a file costs mostly its imports; files that share a process import once. */
const sharedProcesses = { isolate: false, maxWorkers: 2 };

/** Two at a time: they wait for processes, installations and restarts as often as they compute. */
const slow = ['test/e2e/**/*.test.ts', 'test/setup/**/*.test.ts'];

/** One at a time, because they hold the server to limits of time, or fill both cores by themselves. */
const alone = ['limits', 'separation', 'killTest'].map((name) => `test/e2e/${name}.test.ts`);

/** The longest of the slow ones begin first, so that none is left to run beside nothing. */
const longest = [
  'test/setup/npm10SetUp.test.ts',
  'test/setup/interpreters.test.ts',
  'test/e2e/models.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => longest.findIndex((name) => moduleId.endsWith(name));
    const isLong = (file: TestSpecification) => rank(file) >= 0;
    const [first, others] = [files.filter(isLong), files.filter((file) => !isLong(file))];
    return [...first.sort((a, b) => rank(a) - rank(b)), ...(await super.sort(others))];
  }
}

/** These replace modules, which other files of their process would import too. */
const replacingModules = ['test/unit/log/rotatingFile.test.ts'];

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          ...sharedProcesses,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...slow, ...replacingModules],
        },
      },
      { test: { ...shared, name: 'isolated', include: replacingModules, maxWorkers: 2 } },
      {
        test: {
          ...shared,
          name: 'slow',
          include: slow,
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: alone,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
