import { join } from 'node:path';

import { countPytest, countVitest } from './testCounts.mjs';

/**
 * @typedef {object} Step one check; without `count` it counts as one test
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} [env] in addition to ours
 * @property {boolean} [show] its output goes straight to the terminal
 * @property {(output: string) => string | null} [complaint] what is wrong although it exited with 0
 * @property {() => import('./testCounts.mjs').Counts | null} [count] the suite's own counts; null if it left none
 */

/**
 * Returns every check and test, in the order in which they run.
 *
 * @param {{ root: string, python: string, folder: string }} options `folder`: an empty folder, for the counts
 * @returns {Step[]}
 */
export function testSteps({ root, python, folder }) {
  const vitestCounts = join(folder, 'vitest.json');
  const pytestCounts = join(folder, 'pytest.xml');
  /**
   * @param {string} name
   * @param {string} script below node_modules
   * @param {...string} args
   * @returns {Step}
   */
  const nodeStep = (name, script, ...args) => ({
    name,
    command: process.execPath,
    args: [join(root, 'node_modules', script), ...args],
  });
  /**
   * @param {string} name
   * @param {...string} args
   * @returns {Step}
   */
  const pythonStep = (name, ...args) => ({
    name,
    command: python,
    args: ['-m', ...args],
    // This interpreter sees the engine's packages, which must stay untouched.
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  });
  return [
    nodeStep('prettier', 'prettier/bin/prettier.cjs', '--check', '.'),
    nodeStep('eslint', 'eslint/bin/eslint.js', '--max-warnings=0', '.'),
    nodeStep('tsc', 'typescript/bin/tsc', '--noEmit'),
    nodeStep('tsc-setup', 'typescript/bin/tsc', '--project', 'setup'),
    nodeStep('tsc-bench', 'typescript/bin/tsc', '--project', 'bench'),
    {
      ...nodeStep('depcruise', 'dependency-cruiser/bin/dependency-cruise.mjs', 'src'),
      complaint: sawNoModule,
    },
    nodeStep('knip', 'knip/bin/knip.js'),
    {
      name: 'redocly',
      command: process.execPath,
      args: [join(root, 'setup', 'lintOpenApi.mjs'), folder],
    },
    { name: 'tables', command: process.execPath, args: [join(root, 'docs', 'tables.mjs')] },
    pythonStep('ruff-format', 'ruff', 'format', '--check', '.'),
    pythonStep('ruff', 'ruff', 'check', '.'),
    pythonStep('mypy', 'mypy'),
    {
      ...nodeStep(
        'vitest',
        'vitest/vitest.mjs',
        'run',
        '--reporter=default',
        '--reporter=./setup/countReporter.mjs',
      ),
      env: { MSST_SERVE_TEST_COUNTS: vitestCounts },
      show: true,
      count: () => countVitest(vitestCounts),
    },
    {
      // The tests of a file run in one process: they share engines, which take long to start.
      ...pythonStep(
        'pytest',
        'pytest',
        `--junit-xml=${pytestCounts}`,
        ...['-p', 'xdist', '-n2', '--dist=loadfile'],
      ),
      env: {
        PYTHONDONTWRITEBYTECODE: '1',
        // A plugin that happens to be in the engine's environment must not affect the tests.
        PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1',
        // Waiting OpenMP threads spin and keep a core busy.
        OMP_NUM_THREADS: '1',
      },
      show: true,
      count: () => countPytest(pytestCounts),
    },
  ];
}

/**
 * Reports a run of dependency-cruiser that saw no module: it finds no violation in sources that it cannot read.
 *
 * @param {string} output
 */
function sawNoModule(output) {
  const modules = /(\d+) modules/.exec(output)?.[1];
  return Number(modules) > 0 ? null : 'it saw no module at all, so it proved nothing';
}
