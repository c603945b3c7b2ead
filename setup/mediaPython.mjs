import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { requireWork } from './access.mjs';
import { bestForVenv, findInterpreters } from './interpreters.mjs';
import { hashOf, readStamp, readText, removeStamp, writeStamp } from './stamp.mjs';
import { makeVenv, pipInstall, pythonOf } from './venv.mjs';

/**
 * Tells whether `.venv` needs no work; no Python has to be looked for then.
 *
 * @param {import('./setUp.mjs').Setting} setting
 */
export function isMediaPythonReady({ root }) {
  const venv = join(root, '.venv');
  return existsSync(pythonOf(venv)) && readStamp(venv) === stampOf(root, venv);
}

/**
 * The interpreter of the media child: `.venv` with PyAV and libsndfile alone, apart from everything the user has.
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
 * @returns {string[]} what it needs: PyAV, and the library of libsndfile; neither needs anything else
 */
function requirements(root) {
  return ['media', 'sndfile'].map((name) => join(root, 'setup', `${name}-requirements.txt`));
}

/**
 * @param {string} root
 * @param {string} venv its interpreter is a link, and the file behind it names the version (`python3.11`): a patch
 *   release changes nothing here, so a machine without network still starts after it
 */
function stampOf(root, venv) {
  return hashOf(...requirements(root).map(readText), realpathSync(pythonOf(venv)));
}
