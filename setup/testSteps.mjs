import { join } from 'node:path';

import { countPytest, countVitest } from './testCounts.mjs';

/**
 * @typedef {object} Step one check; without `count` it counts as one test
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} [env] beside ours
 * @property {boolean} [show] what it prints goes straight to the terminal
 * @property {(output: string) => string | null} [complaint] what is wrong although it ended well
 * @property {() => import('./testCounts.mjs').Counts | null} [count] the suite's own counts; null if it left none
 */

/**
 * Every check and test, in the order in which they run.
 *
 * @param {{ root: string, python: string, folder: string }} options `folder`: an empty one, for the counts
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
    // The engine's packages are on this interpreter's path, and stay as they are.
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
      // A file's tests stay together: they share engines, which take long to begin.
      ...pythonStep(
        'pytest',
        'pytest',
        `--junit-xml=${pytestCounts}`,
        ...['-p', 'xdist', '-n2', '--dist=loadfile'],
      ),
      env: {
        PYTHONDONTWRITEBYTECODE: '1',
        // A plugin that the engine's environment happens to hold must not change what the tests say.
        PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1',
        // Threads that wait for a core keep it busy.
        OMP_NUM_THREADS: '1',
      },
      show: true,
      count: () => countPytest(pytestCounts),
    },
  ];
}

/**
 * dependency-cruiser finds no fault with sources it cannot read: to see nothing must not count as well.
 *
 * @param {string} output
 */
function sawNoModule(output) {
  const modules = /(\d+) modules/.exec(output)?.[1];
  return Number(modules) > 0 ? null : 'it saw no module at all, so it proved nothing';
}
