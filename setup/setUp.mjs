import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { build } from './build.mjs';
import { bundleFolder } from './bundle.mjs';
import { enginePython } from './enginePython.mjs';
import { findInterpreters } from './interpreters.mjs';
import { isMediaPythonReady, mediaPython } from './mediaPython.mjs';
import { npmPackages } from './npmPackages.mjs';
import { SetupError } from './setupError.mjs';
import { testPython } from './testPython.mjs';

/**
 * The context that every stage gets.
 *
 * @typedef {object} Setting
 * @property {string} root the clone's folder
 * @property {NodeJS.ProcessEnv} env
 * @property {import('./runCommand.mjs').Run} run
 * @property {import('./report.mjs').Report} report
 * @property {import('./access.mjs').Access} access
 */

/**
 * @typedef {object} Pythons the interpreter of each role
 * @property {string} media
 * @property {string} engine
 * @property {string | null} test
 * @property {object | null} needs the architectures that the engine's MSST builds, and the Python modules missing
 *   for them
 * @property {object[] | null} options the options of its argument parser; null: unknown
 */

/**
 * Prepares the clone so that the server, or its tests, can run. Each stage writes a stamp and is skipped while the
 * stamp is valid; a failed stage leaves none, and the next run repeats it.
 *
 * @param {Setting} setting
 * @param {{ mode: 'start' | 'test', argv: string[] }} options `argv`: the server's own arguments
 * @returns {Promise<Pythons>}
 */
export async function setUp(setting, { mode, argv }) {
  requireNode();
  const timed = stopwatch(setting);
  // Without a Python nothing can run: report that before npm takes a minute.
  if (setting.access.kind !== 'look' && !isMediaPythonReady(setting))
    await timed('look for Python', () => findInterpreters(setting));
  await timed('npm packages', () => npmPackages(setting));
  await timed('build', () => build(setting));
  const keys = await timed('configuration', () => configuredKeys(setting, mode, argv));
  // With an invalid configuration the server will only report what is wrong: prepare nothing.
  if (keys === null) return { media: '', engine: '', test: null, needs: null, options: null };
  const media = await timed('media Python', () => mediaPython(setting));
  const { python, ...msst } = await timed('engine Python', () => enginePython(setting, keys));
  const test = mode === 'test' ? await timed('test Python', () => testPython(setting, python)) : null;
  return { media, engine: python, test, ...msst };
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major >= 22 || (major === 20 && minor >= 20)) return;
  throw new SetupError(
    `msst-serve needs Node.js 20 (20.20 or newer), or 22 or newer; this is ${process.version}. Install one of those and run the same command again.`,
  );
}

/**
 * Reads the configuration with the built server's code. The tests use the project's own MSST, whatever is
 * configured.
 *
 * @param {Setting} setting
 * @param {'start' | 'test'} mode
 * @param {string[]} argv
 * @returns {Promise<import('./enginePython.mjs').EngineKeys | null>} null: it cannot be read
 */
async function configuredKeys({ root, env }, mode, argv) {
  const module = join(root, bundleFolder, 'setupKeys.js');
  if (!existsSync(module)) return { python: null, msstRoot: null, extras: [] };
  const { setupKeys } = await import(pathToFileURL(module).href);
  const keys = setupKeys(argv, env, process.cwd());
  if (mode === 'start') return keys;
  return { python: keys?.python ?? null, msstRoot: null, extras: [] };
}

/** @param {Setting} setting */
function stopwatch({ env, report }) {
  const shows = env.MSST_SERVE_SETUP_TIMING === '1';
  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   */
  return async (name, work) => {
    const began = performance.now();
    const result = await work();
    if (shows) report.say(`${name}: ${Math.round(performance.now() - began)} ms`);
    return result;
  };
}
