import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { requireWork } from './access.mjs';
import { bestForVenv, findInterpreters } from './interpreters.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';
import { makeVenv, pipInstall, pythonOf } from './venv.mjs';

/**
 * Whether `.venv` is up to date, so that no Python has to be found.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
export function isMediaPythonReady({ root }) {
  const venv = join(root, '.venv');
  return existsSync(pythonOf(venv)) && readStamp(venv) === stampOf(root, venv);
}

/**
 * Prepares the interpreter of the media child: `.venv` with only PyAV and libsndfile, isolated from everything the
 * user has.
 *
 * @param {import('./setUp.mjs').Setting} setting
 * @returns {Promise<string>}
 */
export async function mediaPython(setting) {
  const { root, report } = setting;
  const venv = join(root, '.venv');
  if (isMediaPythonReady(setting)) return pythonOf(venv);
  requireWork(setting, 'The Python that reads audio files');
  removeStamp(venv);
  const log = join(root, '.setup', 'media.log');
  await report.step('preparing the Python that reads audio files', async () => {
    const base = bestForVenv(await findInterpreters(setting));
    await makeVenv(setting, { venv, base, log });
    const files = requirements(root).flatMap((file) => ['-r', file]);
    const advice = 'Install another Python (3.10 to 3.13), and run the same command again.';
    await pipInstall(setting, { venv, args: ['--no-deps', ...files], log, advice });
  });
  writeStamp(venv, stampOf(root, venv));
  return pythonOf(venv);
}

/**
 * @param {string} root
 * @returns {string[]} its requirements files: PyAV and the libsndfile library, neither of which has dependencies
 */
function requirements(root) {
  return ['media', 'sndfile'].map((name) => join(root, 'setup', `${name}-requirements.txt`));
}

/**
 * @param {string} root
 * @param {string} venv its interpreter is a symlink whose target names the minor version (`python3.11`): a patch
 *   release does not change the stamp, so a machine without network still starts after one
 */
function stampOf(root, venv) {
  return hashOf(...requirements(root).map(readText), realpathSync(pythonOf(venv)));
}
