import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { isReadOnly, NeedsWork } from './access.mjs';
import { bundleFolder } from './bundle.mjs';
import { helpFor } from './help.mjs';
import { takeLock } from './lock.mjs';
import { createReport } from './report.mjs';
import { createRunner } from './runCommand.mjs';
import { explainFileError, Interrupted, SetupError } from './setupError.mjs';
import { setUp } from './setUp.mjs';
import { runTests } from './testRun.mjs';

/** @type {Record<string, number>} */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
/** @type {NodeJS.Signals[]} */
const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'];

await main();

async function main() {
  const [, , mode, ...argv] = process.argv;
  if (mode !== 'start' && mode !== 'test') {
    process.stderr.write('usage: node setup/run.mjs start|test [arguments]\n');
    process.exitCode = 2;
    return;
  }
  const help = helpFor(mode, argv);
  if (help !== null) {
    process.stdout.write(help);
    return;
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const isReady = await prepare(root, mode, argv);
  if (!isReady || mode === 'test') return;
  process.argv.splice(2, 1);
  await import(pathToFileURL(join(root, bundleFolder, 'main.js')).href);
}

/**
 * Runs set-up and, in test mode, the tests. Reports an expected failure in a sentence.
 *
 * @param {string} root
 * @param {'start' | 'test'} mode
 * @param {string[]} argv
 * @returns {Promise<boolean>} whether the server can start
 */
async function prepare(root, mode, argv) {
  const report = createReport(process.stderr);
  /** @type {((pid: number | null) => void) | undefined} */
  let noteChild;
  const runner = createRunner({ cwd: root, env: process.env, onSpawn: (pid) => noteChild?.(pid) });
  let isStopped = false;
  /** @param {NodeJS.Signals} signal */
  const stop = (signal) => {
    isStopped = true;
    process.exitCode = exitCodes[signal];
    runner.stop(signal);
  };
  for (const signal of signals) process.on(signal, stop);

  try {
    const setting = { root, env: process.env, run: runner.run, report };
    /** @param {import('./access.mjs').Access} access */
    const setUpWith = (access) => setUp({ ...setting, access }, { mode, argv: mode === 'start' ? argv : [] });
    const work = async () => {
      const lock = await lockOrWhyNot(root, report, () => isStopped);
      if (lock === null) return null;
      if ('why' in lock) return setUpWith({ kind: 'read', why: lock.why });
      noteChild = lock.child;
      return setUpWith({ kind: 'work' }).finally(() => {
        noteChild = undefined;
        lock.release();
      });
    };
    const pythons = await setUpWith({ kind: 'look' }).catch((error) => {
      if (!(error instanceof NeedsWork)) throw error;
      return work();
    });
    if (pythons === null) return false;
    handOn(pythons, report);
    if (mode === 'test') {
      const isWell = await runTests(
        { ...setting, access: { kind: 'look' } },
        { python: pythons.test ?? pythons.engine, argv },
      );
      process.exitCode ??= isWell ? 0 : 1;
    }
    return !isStopped;
  } catch (error) {
    if (error instanceof Interrupted) return false;
    const explained = explainFileError(error);
    if (!(explained instanceof SetupError)) throw error;
    report.say(explained.message);
    process.exitCode = 1;
    return false;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

/**
 * @param {string} root
 * @param {import('./report.mjs').Report} report
 * @param {() => boolean} isStopped
 * @returns {Promise<import('./lock.mjs').Lock | { why: Error } | null>} `why`: the error, if nothing can be
 *   written here; null when stopped meanwhile
 */
async function lockOrWhyNot(root, report, isStopped) {
  try {
    return await takeLock(join(root, '.setup', 'lock'), {
      onWait: (pid) => report.say(`waiting for the set-up of process ${pid} in this folder`),
      isStopped,
    });
  } catch (why) {
    if (!isReadOnly(why)) throw why;
    return { why };
  }
}

/**
 * Passes the prepared interpreters to the server and the tests' children through the environment, and to the
 * server also what its MSST can do.
 *
 * @param {import('./setUp.mjs').Pythons} pythons
 * @param {import('./report.mjs').Report} report
 */
function handOn(pythons, report) {
  if (process.env.MSST_SERVE_SETUP_TIMING === '1') {
    report.say(`ready ${Math.round(performance.now())} ms after the process began`);
  }
  // The server reads MSST_SERVE_… as its settings; this variable is only for set-up.
  delete process.env.MSST_SERVE_SETUP_TIMING;
  process.env.MSST_SERVE_INTERNAL_ENGINE_PYTHON = pythons.engine;
  process.env.MSST_SERVE_INTERNAL_MEDIA_PYTHON = pythons.media;
  // The tests' servers use other MSSTs than the one that was checked.
  if (pythons.test === null && pythons.needs !== null) {
    process.env.MSST_SERVE_INTERNAL_NEEDS = JSON.stringify(pythons.needs);
  }
  if (pythons.test === null && pythons.options !== null) {
    process.env.MSST_SERVE_INTERNAL_OPTIONS = JSON.stringify(pythons.options);
  }
  if (pythons.test !== null) process.env.MSST_SERVE_TEST_PYTHON = pythons.test;
}
