/** `npm run mutate -- python [MODULE…]`: the same for the modules of the workers that need no torch, by mutmut. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hashOf, readText } from '../setup/stamp.mjs';
import { groups } from './pythonGroups.mjs';
import { pythonScores } from './pythonScores.mjs';

/**
 * @typedef {object} Setting
 * @property {string} root
 * @property {string} python the interpreter of the tests
 * @property {ReturnType<typeof import('../setup/runCommand.mjs').createRunner>['run']} run
 * @property {ReturnType<typeof import('../setup/report.mjs').createReport>} report
 * @property {string[]} modules names of groups or of modules below `python_worker/`; none: all of them
 */

/**
 * @param {Setting} setting
 * @returns {Promise<number>} an exit code
 */
export async function mutatePython({ root, python, run, report, modules }) {
  const requirements = join(root, 'mutation', 'python-requirements.txt');
  // Other versions, or another Python, are installed anew.
  const tools = join(root, '.mutation', `mutmut-${hashOf(readText(requirements), python).slice(0, 12)}`);
  if (!existsSync(join(tools, 'mutmut'))) {
    await report.step('installing mutmut', async () => {
      const flags = ['--no-deps', '--disable-pip-version-check', '--target', tools];
      const { code, output } = await run(python, ['-m', 'pip', 'install', ...flags, '-r', requirements], {});
      if (code !== 0) throw new Error(output);
    });
  }
  const env = {
    ...process.env,
    PYTHONPATH: [tools, join(root, 'mutation')].join(':'),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1',
    OMP_NUM_THREADS: '1',
    MUTATE_KEPT_AUDIO: join(root, '.mutation', 'audio'),
  };
  /** @type {string[]} */
  const ran = [];
  for (const [name, group] of Object.entries(groups)) {
    const wanted = modules.length === 0 || modules.includes(name) ? group.modules : chosen(group, modules);
    if (wanted.length === 0) continue;
    const folder = join(root, '.mutation', 'python', name);
    layOut(root, folder, { ...group, modules: wanted });
    const args = ['-c', 'from mutmut.__main__ import cli; cli()', 'run', '--max-children'];
    const code = await shown(python, [...args, process.env.MUTATE_AT_ONCE ?? '2'], folder, env);
    if (code !== 0) return code;
    await shown(python, ['-c', 'from mutmut.__main__ import cli; cli()', 'results'], folder, env);
    ran.push(folder);
  }
  process.stdout.write(pythonScores(ran));
  return 0;
}

/**
 * @param {import('./pythonGroups.mjs').Group} group
 * @param {string[]} modules
 */
function chosen(group, modules) {
  const names = modules.map((module) => module.replace(/^python_worker\//, '').replace(/(\.py)?$/, '.py'));
  return names.filter((name) => group.modules.some((pattern) => matches(name, pattern)));
}

/**
 * @param {string} name
 * @param {string} pattern with at most one star
 */
function matches(name, pattern) {
  const [head = '', tail] = pattern.split('*');
  return tail === undefined ? name === pattern : name.startsWith(head) && name.endsWith(tail);
}

/**
 * A folder of its own, of which mutmut makes its copy: the environments beside the sources are gigabytes.
 *
 * @param {string} root
 * @param {string} folder
 * @param {import('./pythonGroups.mjs').Group} group
 */
function layOut(root, folder, { modules, tests }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['python_worker', 'test']) symlinkSync(join(root, name), join(folder, name));
  const list = (/** @type {string[]} */ values) => JSON.stringify(values);
  writeFileSync(
    join(folder, 'pyproject.toml'),
    `${readFileSync(join(root, 'pyproject.toml'), 'utf8')}
[tool.mutmut]
source_paths = ["python_worker"]
only_mutate = ${list(modules.map((module) => `python_worker/${module}`))}
pytest_add_cli_args = ["-p", "for_mutants"]
pytest_add_cli_args_test_selection = ${list(tests.map((test) => `test/python/${test}`))}
use_git_change_detection = false
# Beyond what the tests take of themselves: a mutant that never ends costs as much.
timeout_multiplier = 4
timeout_constant = 3
`,
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} its exit code
 */
function shown(command, args, cwd, env) {
  const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}
