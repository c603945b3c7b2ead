/** `npm run mutate [-- FOLDER…]`: plants small bugs in the sources, one at a time, and counts how many the quick tests catch. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createReport } from '../setup/report.mjs';
import { createRunner } from '../setup/runCommand.mjs';
import { setUp } from '../setup/setUp.mjs';
import { mutatePython } from './python.mjs';
import { scoreTable } from './score.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const here = join(root, 'mutation');
const places = process.argv.slice(2);
const report = createReport(process.stderr);
const { run, stop } = createRunner({ cwd: root, env: process.env, onSpawn: () => {} });
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => stop(signal));

const access = /** @type {const} */ ({ kind: 'work' });
const pythons = await setUp({ root, env: process.env, run, report, access }, { mode: 'test', argv: [] });
if (places[0] === 'python') {
  const python = pythons.test ?? pythons.engine;
  process.exit(await mutatePython({ root, python, run, report, modules: places.slice(1) }));
}
if (!existsSync(join(here, 'node_modules'))) {
  await report.step('installing StrykerJS', async () => {
    const { code, output } = await run('npm', ['ci'], { cwd: here });
    if (code !== 0) throw new Error(output);
  });
}
/** Mostly tested by servers: what is left of it by the unit tests goes through those tests too. */
const ofHttp = places.length === 0 ? ['http'] : places.filter((place) => /^(src\/)?http(\/|$)/.test(place));
process.exitCode = await stryker('unit', places);
if (process.exitCode === 0 && ofHttp.length > 0) process.exitCode = await stryker('servers', ofHttp);
const file = join(root, '.mutation', 'report.json');
if (process.exitCode === 0) process.stdout.write(scoreTable(JSON.parse(readFileSync(file, 'utf8'))));

/**
 * @param {'unit' | 'servers'} tests
 * @param {string[]} places folders of `src/`, or files; none: all there are
 * @returns {Promise<number>} its exit code
 */
function stryker(tests, places) {
  const command = join(here, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  const child = spawn(process.execPath, [command, 'run', join(here, 'stryker.config.mjs')], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(places.length > 0 ? { MUTATE: places.join(',') } : {}),
      MUTATE_TESTS: tests,
      MSST_SERVE_INTERNAL_ENGINE_PYTHON: pythons.engine,
      MSST_SERVE_INTERNAL_MEDIA_PYTHON: pythons.media,
      MSST_SERVE_TEST_PYTHON: pythons.test ?? pythons.engine,
    },
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}
